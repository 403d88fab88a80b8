"""The form that all benchmarks share."""

import argparse
import json
from pathlib import Path

import pytest

from benchmarks import common
from search_spaces.errors import InvalidSpace


def measure(options: argparse.Namespace) -> common.Outcome:
    if options.seeds == 0:
        raise InvalidSpace("No seeds.", fix="Give one.")
    return common.Outcome(
        {"mape": 0.0123456, "tested": 3, "tau": None}, [{"name": "a", "ms": 1.5}, {"name": "b", "ms": 2.0}]
    )


def test_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert common.run("toy", common.parser("toy", "A toy.").parse_args(["--json", "--seeds", "2"]), measure) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["benchmark", "date", "settings", "machine", "seconds", "summary", "rows"]
    assert document["benchmark"] == "toy"
    assert document["settings"] == {"seeds": 2}
    assert document["summary"] == {"mape": 0.0123456, "tested": 3, "tau": None}
    assert document["rows"][1] == {"name": "b", "ms": 2.0}
    assert document["machine"]["cores"] >= 1
    assert "numpy" in document["machine"]["versions"]


def test_a_table_without_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert common.run("toy", common.parser("toy", "A toy.").parse_args([]), measure) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["mape", "0.01235"] in lines
    assert ["tau", "-"] in lines
    assert ["name", "ms"] in lines
    assert ["b", "2"] in lines


def test_errors_are_documents_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert common.run("toy", common.parser("toy", "A toy.").parse_args(["--json", "--seeds", "0"]), measure) == 1
    assert json.loads(capsys.readouterr().out)["error"] == {
        "code": "invalid_space",
        "detail": "No seeds.",
        "fix": "Give one.",
    }


def test_long_tables_are_cut_and_say_so() -> None:
    document = {
        "benchmark": "toy",
        "seconds": 1.0,
        "machine": {"cpu": "x"},
        "summary": {},
        "rows": [{"n": i} for i in range(5)],
    }
    assert "and 3 more" in common.table(document, most_rows=2)


def test_plots_when_asked(tmp_path: Path) -> None:
    drawn: list[Path] = []
    options = common.parser("toy", "A toy.").parse_args(["--json", "--plot", str(tmp_path / "p.png")])
    assert common.run("toy", options, measure, lambda _, path: drawn.append(path)) == 0
    assert drawn == [tmp_path / "p.png"]


def test_means_leave_out_the_undefined() -> None:
    assert common.mean([1.0, None, 3.0]) == 2.0
    assert common.mean([None]) is None


def test_interval_by_hand() -> None:
    # mean 2, standard deviation 1, n = 3: 4.303 / sqrt(3); of eleven values, 10 degrees of freedom: 2.228 * s / sqrt(11)
    assert common.interval([1.0, 2.0, 3.0]) == pytest.approx(2.4843, abs=1e-3)
    assert common.interval([0.0] * 5 + [1.0] + [2.0] * 5) == pytest.approx(2.228 / 11**0.5, abs=1e-3)
    assert common.interval([1.0]) is None
