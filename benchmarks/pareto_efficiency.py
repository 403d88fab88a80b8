"""How soon searchers find the front of accuracy and latency of a recorded table, beside each other.

The table is the oracle of the accuracy. Latency is known before an evaluation, as in a search with a latency table; searchers may use it.
The measure is the area that the evaluated front dominates, as a share of that of the table's front; it ends at the table's lowest accuracy
and at its highest latency. Only distinct evaluations count. In batches, a searcher learns the metrics of a batch after all of it is asked.
"""

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import lru_cache, partial
from pathlib import Path
from statistics import mean
from typing import Any, Final

import numpy as np
import optuna

from benchmarks import common
from benchmarks.recorded import FloatArray, Recorded, read
from benchmarks.search_efficiency import add_table_options
from nas.search.front import hypervolume
from nas.search.limited_study import LimitedStudy
from nas.search.searchers.registry import searcher
from nas.search.table_region import TableRegion

NAME: Final = "pareto_efficiency"
AFTER: Final = (30, 75, 150)
"""Evaluations after which the share is reported."""


def measure(options: argparse.Namespace) -> common.Outcome:
    """Every device and searcher, each with every seed."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = [searcher(name).name for name in options.searchers]
    with common.pool(options.jobs) as pool:
        rows = [_row(pool, options, latency, name) for latency in options.latency for name in names]
    after = [n for n in AFTER if n <= options.queries]
    summary: dict[str, float | int | None] = {"seeds": options.seeds}
    for name in names:
        for n in after:
            shares = [row[f"share_{n}"] for row in rows if row["searcher"] == name]
            summary[f"{name}_share_{n}"] = mean(shares)
            if len(shares) > 1:
                summary[f"{name}_worst_share_{n}"] = min(shares)
    return common.Outcome(summary, rows)


def _row(pool: Executor, options: argparse.Namespace, latency: str, name: str) -> dict[str, Any]:
    table = Path(options.table), tuple(options.encoding), options.accuracy, latency
    runs = list(pool.map(partial(_run, table, name, options.queries, options.batch), range(options.seeds)))
    row: dict[str, Any] = {"latency": latency, "searcher": name}
    for n in (n for n in AFTER if n <= options.queries):
        row[f"share_{n}"] = mean(shares[n] for shares, _ in runs)
    row["ms_a_suggestion"] = mean(ms for _, ms in runs)
    common.progress(f"{latency}, {name}: " + ", ".join(f"{k} {v:.4f}" for k, v in row.items() if k.startswith("share")))
    return row


def _run(
    table: tuple[Path, tuple[str, ...], str, str], name: str, queries: int, batch: int, seed: int
) -> tuple[dict[int, float], float]:
    """The shares of one run by the number of evaluations, and its milliseconds for each suggestion."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path, encoding, accuracy_column, latency = table
    recorded = _read(path, encoding, accuracy_column, latency)
    accuracy, ms = recorded.columns[accuracy_column], recorded.columns[latency]
    started = time.perf_counter()
    found = evaluated(TableRegion(recorded.choices, recorded.codes, ms), accuracy, name, queries, seed, batch)
    taken_ms = 1e3 * (time.perf_counter() - started) / len(found)
    return {n: share(accuracy, ms, found[:n]) for n in AFTER if n <= queries}, taken_ms


@lru_cache(maxsize=1)
def _read(path: Path, encoding: tuple[str, ...], accuracy: str, latency: str) -> Recorded:
    """A process reads the table once for the runs of a row."""
    return read(path, encoding, [accuracy, latency])


def evaluated(
    region: TableRegion, accuracy: FloatArray, name: str, queries: int, seed: int, batch: int = 1
) -> list[int]:
    """The rows that one run evaluates, in order."""
    limited = LimitedStudy(region, name, evaluations=queries, seed=seed)
    found: list[int] = []
    while len(found) < queries and not limited.exhausted:
        asked = limited.ask_batch(min(batch, queries - len(found), len(accuracy) - len(found)))
        found += region.rows(np.stack([code for _, code in asked])).tolist()
        for trial, row in zip((trial for trial, _ in asked), found[-len(asked) :], strict=True):
            limited.tell(trial, float(accuracy[row]))
    return found


def share(accuracy: FloatArray, latency_ms: FloatArray, rows: Sequence[int]) -> float:
    """The dominated area of some rows, as a share of that of all."""
    limit, above = float(latency_ms.max()), accuracy - accuracy.min()

    def area(chosen: FloatArray, ms: FloatArray) -> float:
        return hypervolume(chosen.tolist(), ms.tolist(), limit=limit)

    at = np.asarray(rows, np.int64)
    return area(above[at], latency_ms[at]) / area(above, latency_ms)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "The front of accuracy and latency of a recorded table, by the number of evaluations.")
    add_table_options(parser, queries=150)
    parser.add_argument(
        "--latency", nargs="+", required=True, metavar="COLUMN", help="latency to minimise, a row for each column"
    )
    parser.add_argument("--batch", type=int, default=1, metavar="K", help="suggestions before their metrics are told")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs in parallel")
    return common.run(NAME, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    raise SystemExit(main())
