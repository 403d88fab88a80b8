"""Errors of every kind: one JSON document or one panel, and an exit code that says whose fault it is."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from hw_targets.errors import TargetUnavailable, UnsupportedLayer
from nas.cli import app, guard
from nas.cli.answer import finite
from nas.errors import Cancelled, InfeasibleBudget, OutOfSpace, UnknownRun
from tests.nas.cli.fakes import Engine

Invoke = Callable[..., Result]
Answering = Callable[..., tuple[int, dict[str, Any]]]

PLAIN = ("search", "--data", "digits", "--target", "cpu", "--latency-ms", "40%")


@pytest.mark.parametrize(
    "failure, code, exit_code",
    [
        (InfeasibleBudget("Too fast.", fix="Allow 1 ms.", facts={"reachable_ms": [1.0, 2.0]}), "infeasible_budget", 3),
        (UnsupportedLayer("No such kernel.", fix="Choose another target."), "unsupported_layer", 3),
        (UnknownRun("No such run.", fix="Use another."), "unknown_run", 2),
        (TargetUnavailable("Not here.", fix="Install it."), "target_unavailable", 1),
        (OutOfSpace("Full.", fix="Free some."), "out_of_space", 1),
        (Cancelled("Stopped.", fix="Run it again."), "cancelled", 130),
        (KeyboardInterrupt(), "cancelled", 130),
        (MemoryError(), "out_of_memory", 1),
        (PermissionError(13, "Permission denied", "/runs"), "file_error", 1),
        (ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime"), "missing_package", 1),
        (ZeroDivisionError("a mistake"), "internal_error", 1),
    ],
)
def test_a_failure_is_one_document_with_its_fix(
    engine: Engine, answer: Answering, failure: BaseException, code: str, exit_code: int
) -> None:
    engine.failure = failure
    found, document = answer(*PLAIN)
    assert list(document) == ["error"]
    assert (found, document["error"]["code"]) == (exit_code, code)
    assert document["error"]["detail"]
    assert document["error"]["fix"]


def test_the_facts_of_an_error_stand_beside_it(engine: Engine, answer: Answering) -> None:
    engine.failure = InfeasibleBudget("Too fast.", fix="Allow 1 ms.", facts={"reachable_ms": [1.0, float("nan")]})
    _, document = answer(*PLAIN)
    assert document["error"]["reachable_ms"] == [1.0, None]


@pytest.mark.parametrize(
    "words, detail",
    [
        (["search"], "Missing option"),
        (["search", "--colour", "red"], "No such option"),
        ([*PLAIN, "--effort", "heroic"], "heroic"),
        ([*PLAIN, "--resolution", "wide"], "valid integer"),
        (["serach"], "No such command"),
        (["show"], "Missing argument"),
        (["estimate", "m.onnx", "--input-size", "large"], "HEIGHTxWIDTH"),
        (["--json"], "No such option"),
        ([*PLAIN, "--effort", "quick", "--effort", "thorough"], "--effort: It is given 2 times and takes one value"),
        (["search", *PLAIN[1:], "--seed", "1", "--seed=1"], "--seed: It is given 2 times"),
        (["profile", "--target", "cpu", "--target", "cpu:threads=2", "--resolution", "8"], "--target: It is given 2"),
        (["estimate", "m.onnx", "--measure", "--predict"], "--measure / --predict: It is given 2 times"),
        (["show", "run", "-o", "a", "--out", "b"], "--out / -o: It is given 2 times"),
    ],
)
def test_a_wrong_command_line_is_a_document_too(answer: Answering, words: list[str], detail: str) -> None:
    code, document = answer(*words)
    assert (code, document["error"]["code"]) == (2, "usage_error")
    assert detail in document["error"]["detail"]
    assert "--help`" in document["error"]["fix"]


def test_people_get_a_panel_on_stderr(engine: Engine, invoke: Invoke) -> None:
    engine.failure = InfeasibleBudget("Too [fast].", fix="Allow 1 ms.", facts={"reachable_ms": [1.0, 2.0]})
    outcome = invoke(*PLAIN)
    assert outcome.exit_code == 3
    assert outcome.stdout == "a library that prints\n"
    for words in ("error: infeasible_budget", "Too [fast].", "Fix: Allow 1 ms.", "reachable_ms"):
        assert words in outcome.stderr


def test_an_interrupt_says_how_to_continue(engine: Engine, invoke: Invoke) -> None:
    engine.failure = KeyboardInterrupt()
    outcome = invoke(*PLAIN)
    assert outcome.exit_code == 130
    assert "Run the same command again" in outcome.stderr


def test_a_second_interrupt_does_not_cut_off_what_is_reported(
    engine: Engine, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = guard.describe

    def describe(error: Exception) -> tuple[dict[str, Any], int]:
        os.kill(os.getpid(), signal.SIGINT)
        return described(error)

    monkeypatch.setattr(guard, "describe", describe)
    before = signal.getsignal(signal.SIGINT)
    engine.failure = KeyboardInterrupt()
    outcome = invoke(*PLAIN)
    assert outcome.exit_code == 130 and "Run the same command again" in outcome.stderr
    assert signal.getsignal(signal.SIGINT) is before


def test_a_request_to_terminate_is_an_interrupt(
    engine: Engine, answer: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(engine, "search", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    code, document = answer(*PLAIN)
    assert (code, document["error"]["code"]) == (130, "cancelled")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_defect_shows_its_trace_on_stderr(engine: Engine, invoke: Invoke) -> None:
    engine.failure = ZeroDivisionError("a mistake")
    outcome = invoke(*PLAIN, "--json")
    assert "Traceback" in outcome.stderr
    assert json.loads(outcome.stdout)["error"]["detail"] == "ZeroDivisionError: a mistake"


def test_nothing_but_the_document_reaches_stdout(engine: Engine, invoke: Invoke) -> None:
    outcome = invoke(*PLAIN, "--json")
    json.loads(outcome.stdout)
    assert "a library that prints" in outcome.stderr


def test_no_command_is_help(invoke: Invoke) -> None:
    outcome = invoke()
    assert outcome.exit_code == 0
    for name in ("search", "run", "show", "estimate", "profile", "targets", "spaces"):
        assert f" {name} " in outcome.stdout


def test_the_version_is_reported(invoke: Invoke) -> None:
    outcome = invoke("--version")
    assert (outcome.exit_code, outcome.stdout.startswith("hwnas")) == (0, True)


def test_others_may_add_commands() -> None:
    assert {c.name for c in app.registered_commands} >= {
        "search",
        "run",
        "show",
        "estimate",
        "profile",
        "targets",
        "spaces",
    }


def test_numbers_that_json_cannot_hold_become_null() -> None:
    assert finite({"a": [1.5, float("inf")], 2: (float("nan"),)}) == {"a": [1.5, None], "2": [None]}


def test_help_loads_nothing_heavy_and_is_quick() -> None:
    heavy = {"torch", "onnx", "onnxruntime", "optuna", "ray", "numpy", "sklearn", "scipy"}
    code = (
        "import sys\nfrom nas.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"found = {heavy} & set(sys.modules)\nassert not found, found\n"
    )
    root = Path(__file__).parents[3]
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, capture_output=True, env={**os.environ})
    after = os.times()  # of the processor, which others on the machine do not lengthen
    spent_s = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent_s < 1.5  # 0.2 s


def test_the_module_runs_alone() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "nas.cli", "spaces", "--json"], check=True, cwd=root, capture_output=True, text=True
    )
    assert [s["name"] for s in json.loads(done.stdout)["spaces"]] == [
        "mobilenet",
        "resnet",
        "efficientnet_lite",
    ]
