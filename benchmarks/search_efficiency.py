"""How many evaluations searchers need to find the best architecture of a recorded table, beside each other.

The table is the oracle. Only distinct evaluations count. Each searcher and seed is a run; all searchers see the choices alone. Suggestions
that the table does not have are moved to the nearest new architecture that it has, by the number of different choices.
"""

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

import numpy as np
import optuna

from benchmarks import common
from benchmarks.recorded import PREFIXES, FloatArray, Recorded, read
from nas.search.limited_study import LimitedStudy
from nas.search.searchers.registry import searcher, searchers
from nas.search.table_region import TableRegion

NAME: Final = "search_efficiency"
AFTER: Final = (50, 100, 192)
"""Evaluations after which the regret is reported."""


def measure(options: argparse.Namespace) -> common.Outcome:
    """Every searcher, each with every seed."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = [searcher(name).name for name in options.searchers]
    table = read(Path(options.table), options.encoding, [options.accuracy])
    accuracy = table.columns[options.accuracy]
    rows = [_row(table, accuracy, name, options.queries, options.seeds) for name in names]
    summary: dict[str, float | int | None] = {
        "architectures": len(accuracy), "best": float(accuracy.max()), "seeds": options.seeds,
    }  # fmt: skip
    for row in rows:
        summary[f"{row['searcher']}_found"] = row["found"]
        summary[f"{row['searcher']}_median_queries"] = row["median_queries"]
    return common.Outcome(summary, rows)


def _row(table: Recorded, accuracy: FloatArray, name: str, queries: int, seeds: int) -> dict[str, Any]:
    region = TableRegion(table.choices, table.codes, np.zeros(len(table.codes)))
    started = time.perf_counter()
    runs = [evaluated(region, accuracy, name, queries, seed) for seed in range(seeds)]
    seconds = time.perf_counter() - started
    best = accuracy.max()
    to_best = [_first(values, float(best)) for values, _ in runs]
    typical = median(to_best)
    row: dict[str, Any] = {
        "searcher": name,
        "found": mean(math.isfinite(n) for n in to_best),
        "median_queries": typical if math.isfinite(typical) else "infinite",
    }
    for after in (n for n in AFTER if n <= queries):
        row[f"regret_{after}"] = mean(float(best - values[:after].max()) for values, _ in runs)
    suggestions = sum(len(values) for values, _ in runs)
    row["ms_a_suggestion"] = 1e3 * seconds / suggestions
    for count in ("repeated", "moved", "random"):
        row[f"{count}_a_run"] = mean(getattr(limited.counts, count) for _, limited in runs)
    common.progress(f"{name}: found by {row['found']:.0%}, median {row['median_queries']} queries, {seconds:.0f} s")
    return row


def evaluated(
    region: TableRegion, accuracy: FloatArray, name: str, queries: int, seed: int
) -> tuple[FloatArray, LimitedStudy]:
    """The accuracies of one run in the order of evaluation, and its study; it ends after `queries` or with the best architecture."""
    limited = LimitedStudy(region, name, evaluations=queries, seed=seed, objective="metric")
    values: list[float] = []
    best = accuracy.max()
    while len(values) < queries and not limited.exhausted and max(values, default=-math.inf) < best:
        trial, code = limited.ask()
        values.append(float(accuracy[region.rows(code[None])[0]]))
        limited.tell(trial, values[-1])
    return np.array(values), limited


def _first(values: FloatArray, best: float) -> float:
    """The number of evaluations until the best, infinite where it is not found."""
    found = np.flatnonzero(values >= best)
    return float(found[0] + 1) if len(found) else math.inf


def add_table_options(parser: argparse.ArgumentParser, queries: int) -> None:
    """The options of every benchmark on a recorded table."""
    parser.add_argument("--table", required=True, metavar="FILE", help="a .parquet file, a row for each architecture")
    parser.add_argument("--accuracy", required=True, metavar="COLUMN", help="the metric to maximise")
    parser.add_argument(
        "--encoding", nargs="+", default=list(PREFIXES), metavar="PREFIX", help="how columns of choices begin"
    )
    parser.add_argument("--queries", type=int, default=queries, metavar="N", help="evaluations of a run")
    parser.add_argument(
        "--searchers",
        type=lambda names: names.split(","),
        default=[entry.name for entry in searchers()],
        metavar="A,B",
        help="which to compare; all that are installed when absent",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "Evaluations until the best architecture of a recorded table is found.")
    add_table_options(parser, queries=192)
    return common.run(NAME, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    raise SystemExit(main())
