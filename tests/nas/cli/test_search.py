"""`search` and `run`: options become a spec, the engine is called, and one document or readable tables come back."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from nas.cli.answer import Answer
from nas.cli.search import ELSEWHERE
from nas.errors import InvalidSpec
from tests.nas.cli.fakes import ARCHITECTURE, Engine, result

Invoke = Callable[..., Result]
Answering = Callable[..., tuple[int, dict[str, Any]]]

PLAIN = ("search", "--data", "digits", "--target", "cpu", "--latency-ms", "40%")


def test_options_become_the_spec(engine: Engine, answer: Answering) -> None:
    code, document = answer(
        *PLAIN, "--space", "resnet", "--from", "none", "--method", "prune", "--teacher", "best.onnx",
        "--effort", "quick", "--minutes", "2.5",
        "--resolution", "28", "--seed", "7", "--threads", "2", "--device", "cpu", "--fit", "pad", "--augment", "photo",
        "--metric", "macro_f1",
        "--class-weights", "none", "--budget-on", "p95", "--searcher", "tpe",
        "--objective", "reward", "--at-once", "4", "--limit", "weight_bytes=300k", "--limit", "macs=5",
        "--out", "elsewhere", "--store", "kept",
    )  # fmt: skip
    assert code == 0
    assert document == result().model_dump(mode="json")
    name, calls = engine.calls[-1]
    assert name == "search"
    assert (calls["out"], calls["store"]) == (Path("elsewhere"), "kept")
    assert calls["spec"].model_dump() == {
        "data": "digits", "space": "resnet", "start_from": "none", "method": "prune", "teacher": "best.onnx",
        "targets": ({"target": "cpu", "latency_ms": "40%"},), "effort": "quick", "minutes": 2.5, "resolution": 28, "seed": 7,
        "threads": 2, "device": "cpu", "fit": "pad", "augment": "photo", "metric": "macro_f1", "class_weights": "none", "budget_on": "p95",
        "searcher": "tpe", "objective": "reward", "at_once": 4, "supernet_targets": (), "work": None,
        "limits": {"macs": 5, "params": None, "weight_bytes": 300_000, "peak_memory_bytes": None},
    }  # fmt: skip


def test_the_executor_is_named_by_an_option_or_by_the_environment(
    engine: Engine, answer: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HWNAS_EXECUTOR", raising=False)
    answer(*PLAIN)
    answer(*PLAIN, "--executor", "processes:3")
    monkeypatch.setenv("HWNAS_EXECUTOR", "processes:2")
    answer(*PLAIN)
    assert [calls["executor"] for name, calls in engine.calls if name == "search"] == [
        "local",
        "processes:3",
        "processes:2",
    ]
    code, document = answer(*PLAIN, "--executor", "cloud")
    assert (code, document["error"]["code"]) == (2, "unknown_executor")
    code, document = answer(*PLAIN, "--executor", "ray:127.0.0.1:1")
    assert (code, document["error"]["code"]) == (1, "cluster_unreachable")


def test_several_workers_train_where_an_option_says_so(engine: Engine, answer: Answering) -> None:
    answer(*PLAIN)
    answer(*PLAIN, "--executor", "processes:2", "--training-workers", "2")
    assert [calls["training_workers"] for name, calls in engine.calls if name == "search"] == [None, 2]


@pytest.mark.parametrize("option", [("--executor", "local"), ("--training-workers", "2")])
def test_a_service_has_an_executor_of_its_own(answer: Answering, option: tuple[str, str]) -> None:
    with given_elsewhere():
        code, document = answer(*PLAIN, *option)
    assert (code, document["error"]["code"]) == (2, "invalid_spec")


@contextmanager
def given_elsewhere() -> Iterator[None]:
    """As with `--server`."""
    token = ELSEWHERE.set(lambda spec, out, quiet: Answer({}, lambda console: None))
    try:
        yield
    finally:
        ELSEWHERE.reset(token)


def test_the_document_has_what_was_promised(engine: Engine, answer: Answering) -> None:
    _, document = answer(*PLAIN)
    assert document["front"][0] == {
        "architecture": ARCHITECTURE, "architecture_id": "05a279017720", "latency_ms": 0.05,
        "metric": {"name": "accuracy", "value": 0.9, "higher_is_better": True},
        "kind": "predicted",
    }  # fmt: skip
    model = document["models"]["cpu"]
    assert {"budget", "predicted", "measured_p50", "measured_p95"} <= set(model["latency_ms"])
    assert set(model["metric"]) == set(model["size_bytes"]) == {"fp32", "int8"}
    assert document["seconds"]["training"] == 75.3


@pytest.mark.parametrize("budgets, expected", [(["0.1", "0.2"], [0.1, 0.2]), (["0.3"], [0.3, 0.3])])
def test_each_target_has_its_budget_or_all_have_the_one(
    engine: Engine, answer: Answering, budgets: list[str], expected: list[float]
) -> None:
    words = [word for budget in budgets for word in ("--latency-ms", budget)]
    code, _ = answer("search", "--data", "digits", "--target", "cpu", "--target", "cpu:threads=2", *words)
    targets = engine.calls[-1][1]["spec"].targets
    assert code == 0
    assert [(t.target, t.latency_ms) for t in targets] == list(zip(["cpu", "cpu:threads=2"], expected, strict=True))


def test_other_numbers_of_budgets_are_rejected(engine: Engine, answer: Answering) -> None:
    code, document = answer(*PLAIN, "--latency-ms", "1", "--latency-ms", "2")
    assert (code, document["error"]["code"]) == (2, "invalid_spec")
    assert document["error"]["latency_ms"] == ["40%", "1", "2"]
    assert engine.calls == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["macs"], "'macs' is no limit"),
        (["=5"], "'=5' is no limit"),
        (["macs=1M", "macs=2M"], "macs is limited twice"),
        (["macs=-5"], "limits.macs"),
        (["macs=0"], "between 1 and"),
        (["energy_mj=5"], "use one of macs, params, weight_bytes, peak_memory_bytes"),
    ],
)
def test_what_is_no_limit_is_rejected(engine: Engine, answer: Answering, given: list[str], said: str) -> None:
    code, document = answer(*PLAIN, *(word for one in given for word in ("--limit", one)))
    assert (code, document["error"]["code"]) == (2, "invalid_spec")
    assert said in document["error"]["detail"] and engine.calls == []


def test_wrong_fields_are_all_named(engine: Engine, answer: Answering) -> None:
    code, document = answer("search", "--data", "digits", "--target", "cpu", "--latency-ms", "-3", "--minutes", "0")
    assert (code, document["error"]["code"]) == (2, "invalid_spec")
    fields = {field.split(":")[0] for field in document["error"]["fields"]}
    assert {"targets.0.latency_ms", "minutes"} <= fields


def test_people_get_the_plan_the_progress_and_the_tables(engine: Engine, invoke: Invoke) -> None:
    outcome = invoke(*PLAIN)
    assert outcome.exit_code == 0
    assert "About 2 min 15 s and 412 MB of memory (estimated): profiling 40 s" in outcome.stderr
    assert outcome.stderr.count("A supernet is trained.") == 1
    assert "training: finished in 1 min 20 s" in outcome.stderr
    assert "Front of trained networks on cpu" in outcome.stdout
    assert "measured" in outcome.stdout
    assert max(map(len, outcome.stdout.splitlines())) <= 80


def test_quiet_shows_no_progress_and_no_plan(engine: Engine, invoke: Invoke) -> None:
    outcome = invoke(*PLAIN, "--quiet", "--json")
    assert outcome.stderr == "a library that prints\n"
    assert [name for name, _ in engine.calls] == ["search"]


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    """A search of the digits."""
    path = tmp_path / "spec.yaml"
    path.write_text("data: digits\ntargets:\n  - {target: cpu, latency_ms: 0.1}\neffort: quick\n")
    return path


def test_a_spec_file_is_the_same_search(engine: Engine, answer: Answering, spec_file: Path) -> None:
    code, _ = answer("run", str(spec_file))
    spec = engine.calls[-1][1]["spec"]
    assert (code, spec.effort, spec.targets[0].latency_ms) == (0, "quick", 0.1)


@pytest.mark.parametrize(
    "text", ["data: [", "just words", "data: digits\ntargets: []\n", "data: digits\ncolour: red\n"]
)
def test_a_wrong_spec_file_is_an_error_document(engine: Engine, answer: Answering, tmp_path: Path, text: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    code, document = answer("run", str(path))
    assert (code, document["error"]["code"]) == (2, "invalid_spec")


def test_a_missing_spec_file_is_an_error_document(engine: Engine, answer: Answering, tmp_path: Path) -> None:
    code, document = answer("run", str(tmp_path / "none.yaml"))
    assert (code, document["error"]["code"]) == (2, "invalid_spec")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there: what the test runner puts in the place of the standard streams says that it is a terminal."""
    monkeypatch.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")


LONG = {"training": 1800.0, "fine_tuning": 1801.0}
"""Of an hour and a second."""


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("typed", "code", "searches"), [("y\n", 0, True), ("n\n", 130, False), ("\n", 130, False)])
@pytest.mark.parametrize("command", ["search", "run"])
def test_a_long_search_asks_first(
    engine: Engine, invoke: Invoke, spec_file: Path, command: str, typed: str, code: int, searches: bool
) -> None:
    engine.seconds = LONG
    words = PLAIN if command == "search" else ("run", str(spec_file))
    outcome = invoke(*words, typed=typed)
    assert "About 1 h 00 min" in outcome.stderr and "Start? [y/N]" in outcome.stderr
    assert outcome.exit_code == code
    assert [name for name, _ in engine.calls] == ["plan", *(["search"] * searches)]
    assert ("Nothing was started." in outcome.stderr) is not searches


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("words", [("--yes",), ("-y",), ("--quiet",), ("--json",)])
def test_nobody_is_asked_who_said_so(engine: Engine, invoke: Invoke, words: tuple[str, ...]) -> None:
    engine.seconds = LONG
    outcome = invoke(*PLAIN, *words, typed="n\n")
    assert outcome.exit_code == 0 and "Start?" not in outcome.stderr
    assert engine.calls[-1][0] == "search"


@pytest.mark.usefixtures("terminal")
def test_an_hour_is_not_long(engine: Engine, invoke: Invoke) -> None:
    engine.seconds = {"training": 3600.0}
    assert "Start?" not in invoke(*PLAIN, typed="n\n").stderr
    assert engine.calls[-1][0] == "search"


def test_nobody_is_asked_where_there_is_no_terminal(engine: Engine, invoke: Invoke) -> None:
    engine.seconds = LONG
    outcome = invoke(*PLAIN, typed="n\n")
    assert outcome.exit_code == 0 and "Start?" not in outcome.stderr


def test_too_few_minutes_are_a_wrong_request(engine: Engine, answer: Answering) -> None:
    engine.failure = InvalidSpec(
        "2 minutes are too few.", fix="Give at least --minutes 7.1.", facts={"least_minutes": 7.1}
    )
    code, document = answer(*PLAIN, "--minutes", "2")
    assert (code, document["error"]["code"], document["error"]["least_minutes"]) == (2, "invalid_spec", 7.1)


def test_help_says_how_long_each_effort_takes(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(re.sub(r"[│╭╮╰╯─]", " ", invoke("search", "--help").stdout).split())
    for words in ("quick about 5", "standard about 45", "thorough about 8 hours"):
        assert words in text


def test_an_unknown_executor_is_rejected_before_anything_is_timed(
    answer: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(*_: object, **__: object) -> None:
        raise AssertionError("the plan was made first")

    monkeypatch.setattr("nas.preflight.plan", timed)
    for executor, code in (("dask", "unknown_executor"), ("ray:127.0.0.1:1", "cluster_unreachable")):
        _, document = answer(
            "search", "--data", "digits", "--target", "cpu", "--latency-ms", "1", "--executor", executor
        )
        assert document["error"]["code"] == code
