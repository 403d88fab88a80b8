"""Shared by all benchmarks: their options, their one JSON document, its table form, and the plot.

A benchmark is a module with a `main`, run as `python -m benchmarks.NAME [options] --json`. Progress goes to standard error.
Not here: what any of them measures.
"""

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from statistics import stdev
from typing import Any, Final

from nas import core_seconds as clock
from search_spaces.errors import HwnasError

Row = Mapping[str, str | int | float | bool | None]

PACKAGES: Final = ("numpy", "onnxruntime", "torch", "optuna", "onnx")
"""Their versions are in every result."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a benchmark.

    Attributes:
        summary: name to number (None where it is undefined); shares and errors are fractions.
        rows: one flat object for each thing measured.
    """

    summary: Mapping[str, float | int | None]
    rows: Sequence[Row]


def parser(name: str, purpose: str) -> argparse.ArgumentParser:
    """A parser with the options of every benchmark: `--json`, `--plot`, `--seeds`."""
    created = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=purpose)
    created.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    created.add_argument("--plot", type=Path, metavar="FILE", help="draw the result into a .png or .svg file")
    created.add_argument("--seeds", type=int, default=1, metavar="N", help="repetitions with seeds 0 to N-1")
    return created


def run(
    name: str,
    options: argparse.Namespace,
    measure: Callable[[argparse.Namespace], Outcome],
    draw: Callable[[Outcome, Path], None] | None = None,
) -> int:
    """Measures, and prints the document or the table; returns the exit status.

    An error that the user can act on is one JSON document under `--json`, too.
    """
    started = time.perf_counter()
    try:
        outcome = measure(options)
    except HwnasError as error:
        print(json.dumps({"error": error.document()}) if options.json else f"{error.detail} {error.fix}")
        return 1
    document = {
        "benchmark": name,
        "date": time.strftime("%Y-%m-%d"),
        "settings": settings(options),
        "machine": machine(),
        "seconds": round(time.perf_counter() - started, 1),
        "summary": dict(outcome.summary),
        "rows": [dict(row) for row in outcome.rows],
    }
    if options.plot is not None and draw is not None:
        draw(outcome, options.plot)
    print(json.dumps(document) if options.json else table(document))
    return 0


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """The options as plain JSON values, without those that only shape the output; of a path, its name."""
    given = {key: value for key, value in vars(options).items() if key not in ("json", "plot")}
    return {key: _name_of(value) for key, value in sorted(given.items())}


def _name_of(value: Any) -> Any:
    """Results are read elsewhere, where the folders of this machine do not exist."""
    return Path(value).name if isinstance(value, Path) or (isinstance(value, str) and "/" in value) else value


def machine() -> dict[str, Any]:
    """This machine: processor, cores, versions."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {"cpu": processor(), "cores": len(os.sched_getaffinity(0)), "versions": versions}


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def table(document: Mapping[str, Any], most_rows: int = 40) -> str:
    """A document as text: the summary, then the first rows."""
    lines = [f"{document['benchmark']}  ({document['seconds']} s, {document['machine']['cpu']})", ""]
    width = max((len(name) for name in document["summary"]), default=0)
    lines += [f"  {name:<{width}}  {number(value)}" for name, value in document["summary"].items()]
    rows = document["rows"][:most_rows]
    if rows:
        columns = list(rows[0])
        cells = [columns, *([number(row.get(column)) for column in columns] for row in rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
        lines += ["", *("  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells)]
    if len(document["rows"]) > most_rows:
        lines.append(f"  and {len(document['rows']) - most_rows} more (--json has all)")
    return "\n".join(line.rstrip() for line in lines)


def number(value: object) -> str:
    """A value as a cell of a table."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def progress(text: str) -> None:
    """One line to standard error."""
    print(text, file=sys.stderr, flush=True)


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of those that are defined, or None."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def interval(values: Sequence[float]) -> float | None:
    """Half the width of the 95 % interval of the mean (Student's t); None of fewer than two values."""
    from scipy.special import stdtrit

    if len(values) < 2:
        return None
    return float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / math.sqrt(len(values))


def pool(jobs: int) -> Executor:
    """Processes for independent parts; one job stays in this process, in a thread."""
    return ThreadPoolExecutor(1) if jobs == 1 else ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))


def core_seconds() -> float:
    """As the stages of a search count them."""
    return clock.core_seconds()
