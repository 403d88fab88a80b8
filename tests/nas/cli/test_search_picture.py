"""Pictures of a search: which files there are, what they say, and that few evaluations or many choices break none of them."""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.cli.search_picture import draw
from nas.errors import InvalidSpec
from nas.evaluations import TargetEvaluations, keep_evaluations
from nas.search.choice_importance import METHOD
from tests.nas.cli.fakes import Engine
from tests.nas.evaluated import evaluation, evaluations

Answering = Callable[..., tuple[int, dict[str, Any]]]
PNG = b"\x89PNG"


def many_choices(count: int = 60, choices: int = 40) -> TargetEvaluations:
    rng = random.Random(1)
    options = {f"s{number}.kernel": (3, 5, 7) for number in range(choices)}
    found = []
    for number in range(count):
        chosen = {name: rng.choice(offered) for name, offered in options.items()}
        value = 0.1 * chosen["s4.kernel"] + 0.01 * rng.random()
        found.append(evaluation(number).model_copy(update={"choices": chosen, "value": value}))
    return evaluations().model_copy(update={"options": options, "evaluations": tuple(found)})


def words(one: TargetEvaluations, folder: Path) -> str:
    """The text of the picture, which an .svg keeps as comments."""
    (file,) = draw(one, "digits-1", folder / "search.svg")
    return file.read_text()


def test_one_picture_has_all_parts_with_units_and_the_method(tmp_path: Path) -> None:
    text = words(evaluations(count=40), tmp_path)
    for part in (
        "digits-1 on cpu: 40 evaluations by hwnas, seed 7",
        "latency, ms (INT8, batch 1)",
        "INT8 accuracy, validation set, %",
        "estimates of the supernet, predicted latency",
        "trained networks, measured latency",
        "budget, 3 ms",
        "hypervolume, % of budget x metric 1",
        f"{METHOD}: to be among the best 12%",
        "Parallel coordinates: the 4 most important of 4 choices",
    ):
        assert f"<!-- {part}" in text or part in text, part


def test_a_folder_gets_a_file_for_each_part(tmp_path: Path) -> None:
    files = draw(evaluations(count=40), "digits-1", tmp_path / "new")
    assert [file.name for file in files] == ["front.png", "hypervolume.png", "importance.png", "parallel.png"]
    assert all(file.read_bytes().startswith(PNG) for file in files)


def test_of_forty_choices_the_most_important_are_drawn(tmp_path: Path) -> None:
    text = words(many_choices(), tmp_path)
    assert "the 10 most important of 40 choices" in text and "25 others" in text and "s4.kernel" in text


def test_a_search_without_a_supernet_has_few_networks_and_no_estimates(tmp_path: Path) -> None:
    text = words(evaluations(count=2).model_copy(update={"supernet": False}), tmp_path)
    assert "estimates of the supernet" not in text and "Hypervolume of the trained networks" in text
    assert "unknown: it takes 20 evaluations" in text and "to be among" not in text and "4 of 4 choices" in text


def test_another_kind_of_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec):
        draw(evaluations(), "r", tmp_path / "search.pdf")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def run(tmp_path: Path, engine: Engine) -> Path:
    """The folder of a finished run with two targets."""
    keep_evaluations(tmp_path / "digits-1", {name: evaluations(name, 20) for name in ("cpu", "board")})
    return tmp_path / "digits-1"


def test_show_plots_the_target_that_is_named(run: Path, answer: Answering, tmp_path: Path) -> None:
    code, document = answer("show", str(run), "--plot", str(tmp_path / "p.png"), "--target", "board")
    assert code == 0 and document["pictures"] == [str(tmp_path / "p.png")]
    assert (tmp_path / "p.png").read_bytes().startswith(PNG) and document["run"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--plot", "p.png"], "unknown_target"),
        (["--plot", "p.png", "--target", "gpu"], "unknown_target"),
        (["--target", "cpu"], "usage_error"),
        (["--plot", "p.pdf", "--target", "cpu"], "invalid_spec"),
    ],
)
def test_a_wrong_request_is_told_so(run: Path, answer: Answering, options: list[str], error: str) -> None:
    code, document = answer("show", str(run), *options)
    assert (code, document["error"]["code"]) == (2, error) and document["error"]["fix"]


def test_without_matplotlib_the_error_says_how_to_install_it(
    run: Path, answer: Answering, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, document = answer("show", str(run), "--plot", str(tmp_path / "p.png"), "--target", "cpu")
    assert code == 1 and document["error"]["code"] == "missing_package"
    assert document["error"]["fix"] == "Install it: pip install matplotlib"
