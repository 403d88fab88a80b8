"""What a batch would take, from the estimates of single searches: what cells share is counted once."""

from collections.abc import Sequence
from typing import Any, Final

from api.jobs.batch_spec import BatchWireSpec
from api.jobs.batches import searches_in
from api.jobs.schemas import Validation
from api.problems import answered_error

MOST_PRICED: Final = 8
"""Combinations of data and space that are estimated; the others are taken to be like them on average."""

_PER_TABLE: Final = ("profiling",)
_PER_SUPERNET: Final = ("preparing", "training")


def batch_validation(wire: BatchWireSpec, answers: Sequence[dict[str, Any]], combinations: int) -> Validation:
    """The estimate of a batch.

    Tables are measured once for a combination of data and space, with all targets; a supernet is trained once for each seed of it;
    everything else is of each cell.

    Args:
        wire: the batch.
        answers: of the child process, for a search of each of the first combinations on all targets.
        combinations: how many there are.

    Raises:
        HwnasError: why none of the searches could run.
    """
    found = [answer["estimate"] for answer in answers if "estimate" in answer]
    if not found:
        raise answered_error(answers[0]["error"])
    cells, targets = searches_in(wire), len(wire.targets)
    full = combinations * targets * len(wire.budgets) * len(wire.seeds)
    plans = [one["plan"] for one in found]
    seconds: dict[str, float] = {}
    for stage in plans[0]["seconds"]:
        mean = sum(plan["seconds"][stage] for plan in plans) / len(plans)  # of one search on all targets
        times: float = combinations if stage in _PER_TABLE else combinations * len(wire.seeds)
        if stage not in (*_PER_TABLE, *_PER_SUPERNET):
            times = cells / targets
        elif full:
            times *= cells / full
        seconds[stage] = round(mean * times, 1)
    supernets = combinations * len(wire.seeds) if any(plan["supernet"] for plan in plans) else 0
    return Validation(
        spec=wire,
        architectures=str(sum(int(one["architectures"]) for one in found)),
        reachable_ms=_reachable(found),
        seconds=seconds,
        memory_bytes=max(plan["memory_bytes"] for plan in plans),
        supernet=supernets > 0,
        note=_note(cells, supernets, targets * combinations, len(found), combinations),
        cells=cells,
        warnings=tuple(dict.fromkeys(warning for one in found for warning in one["warnings"])),
    )


def _reachable(found: Sequence[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Of each target, the fastest and the slowest network of any data and space."""
    ranges: dict[str, list[tuple[float, float]]] = {}
    for one in found:
        for target, (fastest, slowest) in one["reachable_ms"].items():
            ranges.setdefault(target, []).append((fastest, slowest))
    return {t: (min(low for low, _ in all_of), max(high for _, high in all_of)) for t, all_of in ranges.items()}


def _note(cells: int, supernets: int, tables: int, priced: int, combinations: int) -> str:
    counted = f"{cells} searches, at most {supernets} supernets and {tables} latency tables."
    if priced == combinations:
        return counted
    return f"{counted} The time is that of {priced} of {combinations} combinations of data and space, on average."
