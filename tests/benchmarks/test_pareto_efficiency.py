"""The front's benchmark on a small table that the test writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import pareto_efficiency
from benchmarks.pareto_efficiency import evaluated, share
from nas.search.table_region import TableRegion
from search_spaces.space import Choice

pyarrow = pytest.importorskip("pyarrow")

CODES = np.indices((3, 3, 3, 3)).reshape(4, -1).T
ACCURACY = CODES.sum(axis=1) + 0.5 * CODES[:, 0] * CODES[:, 3]
LATENCY = 1.0 + CODES[:, 1] + 2.0 * CODES[:, 2]
CHOICES = tuple(Choice(f"op.{i}", (0, 1, 2)) for i in range(4))


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """81 architectures; choices 0 and 3 cost no latency."""
    from pyarrow import parquet

    columns: dict[str, Any] = {f"op.{i}": CODES[:, i] for i in range(4)}
    columns |= {"acc": ACCURACY, "lat.a": LATENCY, "lat.b": LATENCY[::-1].copy()}
    path = tmp_path / "table.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return ["--table", str(path), "--accuracy", "acc", "--queries", "30", "--seeds", "2", "--json"]


def test_the_share_of_a_front_worked_out_by_hand() -> None:
    """Areas above 10 and before 4 ms: all, 3 x 1 + 1 x 2 = 5; the second alone, 1 x 2; and the lowest accuracy adds nothing."""
    accuracy, ms = np.array([11.0, 12.0, 10.0, 10.5]), np.array([1.0, 3.0, 0.5, 4.0])
    assert share(accuracy, ms, [0, 1, 2, 3]) == 1.0
    assert share(accuracy, ms, [1]) == pytest.approx(2 / 4)
    assert share(accuracy, ms, [2]) == 0.0


def test_every_searcher_is_a_row_for_each_latency(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    names = "hwnas,random,regularised_evolution,local_search,nsga2,tpe"
    assert pareto_efficiency.main([*arguments, "--latency", "lat.a", "lat.b", "--searchers", names]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(row["latency"], row["searcher"]) for row in document["rows"]] == [
        (latency, name) for latency in ("lat.a", "lat.b") for name in names.split(",")
    ]
    shares = {row["searcher"]: row["share_30"] for row in document["rows"][:6]}
    assert shares["hwnas"] > 0.995 and shares["hwnas"] >= max(shares.values())
    summary = document["summary"]
    both = [row["share_30"] for row in document["rows"] if row["searcher"] == "random"]
    assert summary["random_share_30"] == pytest.approx(np.mean(both)) and summary["random_worst_share_30"] == min(both)
    assert "share_75" not in document["rows"][0]


def test_processes_give_what_one_process_gives(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for jobs in ("1", "2"):
        given = [*arguments, "--latency", "lat.a", "--searchers", "random,nsga2", "--jobs", jobs]
        assert pareto_efficiency.main(given) == 0
        found.append([row["share_30"] for row in json.loads(capsys.readouterr().out)["rows"]])
    assert found[0] == found[1]


@pytest.mark.parametrize("batch", [1, 8])
def test_a_run_evaluates_every_architecture_once_at_most(batch: int) -> None:
    region = TableRegion(CHOICES, CODES.astype(np.int64), LATENCY)
    rows = evaluated(region, ACCURACY, "hwnas", 30, 0, batch)
    assert len(rows) == len(set(rows)) == 30
    assert sorted(evaluated(region, ACCURACY, "random", 100, 0, batch)) == list(range(81))


def test_a_batch_does_not_know_its_own_metrics() -> None:
    """The suggestions of a first batch are the same, whatever its metrics are; those of the second are not."""
    region = TableRegion(CHOICES, CODES.astype(np.int64), LATENCY)
    one, other = (evaluated(region, metric, "hwnas", 30, 0, 15) for metric in (ACCURACY, -ACCURACY))
    assert one[:15] == other[:15] and one[15:] != other[15:]
    single = evaluated(region, -ACCURACY, "hwnas", 30, 0)
    assert single[:15] != evaluated(region, ACCURACY, "hwnas", 30, 0)[:15]
