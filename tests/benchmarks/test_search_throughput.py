"""A short form of the benchmark, on small images."""

import json

import pytest

from benchmarks import pymoo_search, search_throughput


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, float]]:
    """The rows of a document by predictor and searcher."""
    few = [
        "--resolution",
        "32",
        "--networks",
        "12",
        "--evaluations",
        "30",
        "--candidates",
        "3000",
        *arguments,
        "--json",
    ]
    assert search_throughput.main(few) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["summary"]["additive_nsga2_hypervolume"] <= 1
    return {f"{row['predictor']}, {row['searcher']}": row for row in document["rows"]}


def test_short_form(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pymoo_search, "installed", lambda: False)
    rows = run(capsys)
    assert list(rows) == [
        "additive, hwnas exact", "additive, hwnas nsga2", "additive, optuna nsga2", "gp, hwnas nsga2", "gp, optuna nsga2",
    ]  # fmt: skip
    exact, evolved = rows["additive, hwnas exact"], rows["additive, hwnas nsga2"]
    assert exact["hypervolume"] == pytest.approx(1.0) and exact["points"] > 10  # nothing lies beyond it
    assert 0.8 < evolved["hypervolume"] <= 1 and evolved["candidates"] == 3000
    assert rows["additive, optuna nsga2"]["candidates"] > 0
    assert 0 < rows["additive, optuna nsga2"]["hwnas_at_equal_candidates"] <= 1


def test_a_table_of_an_unknown_target_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert search_throughput.main(["--target", "zcu1", "--json"]) == 1
    assert "error" in json.loads(capsys.readouterr().out)
