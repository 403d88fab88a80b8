"""`profile`, `show`, `targets`, `spaces`: what they ask of the engine and what they answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from hw_targets.registry import TargetEntry
from nas.errors import UnknownRun
from tests.nas.cli.fakes import CARD, Engine, result

Invoke = Callable[..., Result]
Answering = Callable[..., tuple[int, dict[str, Any]]]


def test_profile_asks_for_a_table_and_shows_its_card(engine: Engine, answer: Answering, invoke: Invoke) -> None:
    code, document = answer("profile", "--target", "cpu", "--resolution", "28", "--channels", "1", "--effort", "quick")
    assert code == 0
    assert document["card"] == CARD.to_json()
    assert engine.asked == [
        ("profile", {
            "target": "cpu", "space": "mobilenet", "resolution": 28, "channels": 1, "classes": 10, "effort": "quick",
            "seed": 0, "out": Path("runs"), "store": None,
        }),
    ]  # fmt: skip
    text = invoke("profile", "--target", "cpu", "--resolution", "28").stdout
    for words in ("1.10%", "97%, 100%", "0.960", "100 networks, 321 layer keys", "0.0300 ms to 0.400 ms"):
        assert words in text
    assert max(map(len, text.splitlines())) <= 80


def test_show_takes_a_name_or_a_folder(engine: Engine, answer: Answering, tmp_path: Path) -> None:
    assert answer("show", "some-run", "--out", "elsewhere") == (0, result().model_dump(mode="json"))
    (tmp_path / "some-run").mkdir()
    answer("show", str(tmp_path / "some-run"))
    assert engine.asked == [
        ("show", {"run": "some-run", "out": Path("elsewhere")}),
        ("show", {"run": "some-run", "out": tmp_path}),
    ]


def test_a_run_that_is_not_there_is_an_error(engine: Engine, answer: Answering) -> None:
    engine.failure = UnknownRun("No such run.", fix="Use another.", facts={"known": ["a"]})
    code, document = answer("show", "b")
    assert (code, document["error"]["known"]) == (2, ["a"])


def test_targets_say_whether_they_can_be_used(
    monkeypatch: pytest.MonkeyPatch, answer: Answering, invoke: Invoke
) -> None:
    def none(_: object) -> Any:
        raise AssertionError

    entries = (
        TargetEntry("board", "a board", none, lambda: "its driver is missing", {"clock": "in MHz"}),
        TargetEntry("cpu", "a processor", none, lambda: ""),
    )
    monkeypatch.setattr("hw_targets.registry.targets", lambda: entries)
    code, document = answer("targets")
    assert code == 0
    assert [(t["name"], t["available"], t["reason"]) for t in document["targets"]] == [
        ("board", False, "its driver is missing"),
        ("cpu", True, None),
    ]
    assert document["targets"][0]["options"] == {"clock": "in MHz"}
    text = invoke("targets").stdout
    assert "no: its driver is missing" in " ".join(text.split())


def test_the_cpu_is_a_target(answer: Answering) -> None:
    assert "cpu" in {t["name"] for t in answer("targets")[1]["targets"]}


def test_spaces_list_their_options(answer: Answering, invoke: Invoke) -> None:
    code, document = answer("spaces")
    assert code == 0
    assert {s["name"]: sorted(s["options"]) for s in document["spaces"]} == {
        "mobilenet": ["activation"],
        "resnet": ["activation", "block"],
    }
    assert "activation=relu6|relu|hard_swish" in invoke("spaces").stdout
