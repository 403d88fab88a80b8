"""How far plans are from their searches' time: five short searches, each planned first and then run from an empty store.

The plan is the estimate of `hwnas search` before its start. A search's time is from the first stage to the exported bundle.
"""

import argparse
import shutil
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import common
from nas.pipeline import search
from nas.preflight import plan
from nas.spec import SearchSpec

NAME: Final = "plans"
CASES: Final[tuple[dict[str, Any], ...]] = (
    {"name": "digits", "minutes": 1.5},
    {"name": "digits, 32 pixels", "resolution": 32, "minutes": 2.5},
    {"name": "digits, 64 pixels", "resolution": 64, "minutes": 4.0},
    {"name": "digits, resnet", "space": "resnet", "resolution": 16, "minutes": 2.0},
    {"name": "digits, simulated overlay", "target": "kv260", "resolution": 32, "minutes": 2.0},
)
GOOD: Final = 0.3


def measure(options: argparse.Namespace) -> common.Outcome:
    """All cases, one after another."""
    rows = [_row(options, case) for case in CASES[: options.cases]]
    errors = [abs(float(row["error"])) for row in rows]
    limits = [float(row["over_limit"]) for row in rows]
    return common.Outcome(
        {
            "worst_error": max(errors),
            "mean_error": sum(errors) / len(errors),
            "within_30": sum(error <= GOOD for error in errors) / len(errors),
            "worst_over_limit": max(limits),
            "slowest_plan_seconds": max(float(row["plan_seconds"]) for row in rows),
        },
        rows,
    )


def _row(options: argparse.Namespace, case: dict[str, Any]) -> dict[str, Any]:
    out = options.kept / "".join(c if c.isalnum() else "-" for c in case["name"])
    shutil.rmtree(out, ignore_errors=True)
    fields = {name: value for name, value in case.items() if name not in ("name", "target")}
    targets = [{"target": case.get("target", "cpu"), "latency_ms": "60%"}]
    spec = SearchSpec(data=options.data, targets=targets, **fields)
    started = time.monotonic()
    planned = plan(spec, out=out)
    plan_s = time.monotonic() - started
    started = time.monotonic()
    search(spec, out=out)
    took_s = time.monotonic() - started
    planned_s = sum(planned.seconds.values())
    common.progress(f"{case['name']}: planned {planned_s:.0f} s in {plan_s:.1f} s, took {took_s:.0f} s")
    return {
        "name": case["name"],
        "minutes": case["minutes"],
        "plan_seconds": plan_s,
        "planned_seconds": planned_s,
        "measured_seconds": took_s,
        "error": planned_s / took_s - 1,
        "over_limit": took_s / (60 * case["minutes"]) - 1,
        "supernet": planned.supernet,
    }


def main() -> int:
    """The command."""
    parser = common.parser(NAME, "Plans against their searches' time.")
    parser.add_argument("--data", default="digits", help="digits, a folder of class folders, or an .npz file")
    parser.add_argument("--cases", type=int, default=len(CASES), help="number of cases")
    parser.add_argument("--kept", type=Path, default=Path("build/plans"), help="where runs are written")
    return common.run(NAME, parser.parse_args(), measure)


if __name__ == "__main__":
    raise SystemExit(main())
