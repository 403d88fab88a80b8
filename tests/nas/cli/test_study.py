"""`hwnas study export`: where the file goes, which targets are in it, and what a wrong request is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.evaluations import keep_evaluations
from tests.nas.cli.conftest import Invoke
from tests.nas.evaluated import evaluations

Answering = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a finished run with two targets."""
    folder = tmp_path / "digits-1"
    keep_evaluations(folder, {name: evaluations(name) for name in ("cpu", "board")})
    return folder


def test_all_targets_go_into_the_runs_folder(run: Path, answer: Answering) -> None:
    code, document = answer("study", "export", str(run))
    assert code == 0 and document == {
        "file": str(run / "study.db"), "url": f"sqlite:///{run / 'study.db'}",
        "studies": [{"name": "digits-1 on cpu", "trials": 8}, {"name": "digits-1 on board", "trials": 8}],
    }  # fmt: skip
    assert (run / "study.db").stat().st_size > 0


def test_one_target_goes_into_a_file_of_ones_own_and_people_see_how_to_open_it(
    run: Path, invoke: Invoke, tmp_path: Path
) -> None:
    path = tmp_path / "mine.db"
    done = invoke("study", "export", run.name, "--runs", str(tmp_path), "--target", "board", "--out", str(path))
    assert done.exit_code == 0 and not (run / "study.db").exists()
    assert done.stdout.splitlines() == ["digits-1 on board: 8 trials", f"optuna-dashboard sqlite:///{path}"]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["absent"], 2, "unknown_run"),
        (["digits-1", "--target", "gpu"], 2, "unknown_target"),
        (["digits-1", "--out", "digits-1/evaluations.json"], 2, "unusable_study_file"),
    ],
)
def test_a_wrong_request_is_told_so(
    run: Path, answer: Answering, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, error: str
) -> None:
    monkeypatch.chdir(run.parent)
    found, document = answer("study", "export", *words, "--runs", ".")
    assert (found, document["error"]["code"]) == (code, error)
    assert document["error"]["fix"]
