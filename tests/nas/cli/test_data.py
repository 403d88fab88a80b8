"""`hwnas data check`: what is printed, the exit code, and the picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.nas.cli.conftest import Invoke
from tests.nas.data.test_report import folder

Answering = Callable[..., tuple[int, dict[str, Any]]]


def test_people_see_counts_and_findings(tmp_path: Path, invoke: Invoke) -> None:
    root = folder(tmp_path / "d", {"a": 20, "b": 40})
    done = invoke("data", "check", str(root), "--plot", str(tmp_path / "sheet.png"))
    assert done.exit_code == 0
    lines = " ".join(done.stdout.split())
    for words in (
        "60 images in 2 classes, 0 unreadable files", "40 pixels wide, 30 high; 0 grey, 60 in colour",
        "splits given: train; split off train: val, test", "b 26 6 8", "warning: The test set has 12 images",
        "A search can begin with these data.",
    ):  # fmt: skip
        assert words in lines
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_the_exit_code_says_that_no_search_begins(tmp_path: Path, answer: Answering) -> None:
    code, document = answer("data", "check", str(folder(tmp_path / "d", {"a": 20, "b": 1})))
    assert code == 2 and document["usable"] is False and document["findings"][0]["severity"] == "error"
    code, document = answer("data", "check", str(tmp_path / "absent"))
    assert code == 2 and document["error"]["code"] == "invalid_data"
