"""The benchmark on a small table that the test writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import recorded, search_efficiency
from benchmarks.recorded import read
from nas.errors import InvalidData
from nas.search.table_region import TableRegion

pyarrow = pytest.importorskip("pyarrow")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Four choices of three values; the best is at 2, 2, 2, 2, and 0, 0, 0, 0 is there twice."""
    from pyarrow import parquet

    codes = np.indices((3, 3, 3, 3)).reshape(4, -1).T
    codes = np.concatenate([codes, codes[:1]])
    accuracy = codes.sum(axis=1) + 0.5 * codes[:, 0] * codes[:, 3]
    accuracy[-1] = 1.0
    columns: dict[str, NDArray[Any]] = {f"op.{i}": codes[:, i] for i in range(4)}
    columns |= {"acc": accuracy, "lat": 1.0 + codes[:, 1] + codes[:, 2], "half": np.where(codes[:, 0] > 0, 1.0, np.nan)}
    path = tmp_path / "table.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_rows_of_equal_choices_are_one_architecture_with_their_mean(table: Path) -> None:
    found = read(table, ["op."], ["acc", "lat"])
    assert [c.name for c in found.choices] == ["op.0", "op.1", "op.2", "op.3"]
    assert found.codes.shape == (81, 4) and found.columns["acc"][0] == 0.5 and found.columns["lat"].max() == 5.0


def test_architectures_without_a_value_are_left_out(table: Path) -> None:
    assert len(read(table, ["op."], ["half"]).codes) == 54


@pytest.mark.parametrize("prefix, column, message", [("op.", "none", "no column 'none'"), ("x.", "acc", "of choices")])
def test_a_missing_column_is_named(table: Path, prefix: str, column: str, message: str) -> None:
    with pytest.raises(InvalidData, match=message) as caught:
        read(table, [prefix], [column])
    assert "lat" in caught.value.fix


def test_a_file_that_is_no_table_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "no.parquet").write_bytes(b"no table")
    for name in ("no.parquet", "absent.parquet"):
        with pytest.raises(InvalidData, match="cannot be read"):
            read(tmp_path / name, ["op."], ["acc"])


def test_without_pyarrow_the_message_says_how_to_get_it(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(InvalidData) as caught:
        recorded.read(table, ["op."], ["acc"])
    assert "pip install pyarrow" in caught.value.fix


def test_every_searcher_is_a_row(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = "hwnas,random,regularised_evolution,local_search,nsga2,tpe"
    arguments = ["--table", str(table), "--accuracy", "acc", "--encoding", "op.", "--queries", "60", "--seeds", "2"]
    assert search_efficiency.main([*arguments, "--searchers", names, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["searcher"] for row in document["rows"]] == names.split(",")
    hwnas = document["rows"][0]
    assert hwnas["found"] == 1.0 and hwnas["regret_50"] == 0.0 and hwnas["median_queries"] < 25
    assert "regret_100" not in hwnas and document["summary"]["best"] == 10.0
    assert document["summary"]["hwnas_median_queries"] == hwnas["median_queries"]


def test_an_unknown_searcher_is_an_error_document(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--table", str(table), "--accuracy", "acc", "--searchers", "annealing", "--json"]
    assert search_efficiency.main(arguments) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "unknown_searcher"


def test_only_distinct_evaluations_count_and_the_best_ends_a_run(table: Path) -> None:
    found = read(table, ["op."], ["acc"])
    region, accuracy = TableRegion(found.choices, found.codes, np.zeros(81)), found.columns["acc"]
    values, limited = search_efficiency.evaluated(region, accuracy, "tpe", 60, 1)
    trials = len(limited.study.get_trials(deepcopy=False))
    assert trials == len(values) + limited.counts.repeated
    assert values.max() < 10.0 or values[-1] == 10.0
    constant, _ = search_efficiency.evaluated(region, np.ones(81), "random", 200, 1)
    assert len(constant) == 1  # the first one is the best


def test_a_table_with_few_of_all_combinations(table: Path) -> None:
    found = read(table, ["op."], ["acc"])
    few = TableRegion(found.choices, found.codes[::4], np.zeros(21))
    values, limited = search_efficiency.evaluated(few, found.columns["acc"][::4], "tpe", 21, 0)
    assert values.max() == found.columns["acc"][::4].max() and limited.counts.moved > 0
