"""From the cells of a batch to what is said of it as a whole: the best networks, and what sharing saved. Pure functions.

Not here: the cross table (`cross_table.py`), and how a report looks (`report_html.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from nas.batch.records import StageUse
from nas.batch.result import Best, CellResult, Savings, SharedKind, SharedWork

KINDS: Final[dict[str, SharedKind]] = {"train": "supernet", "adapt": "source", "profile": "table", "prepare": "data"}
"""What a stage makes, by its name in the store."""

Uses = Mapping[str, Sequence[StageUse]]
"""The stages that each cell uses, by the cell's id."""


def shared_work(uses: Uses) -> tuple[SharedWork, ...]:
    """The stages that two or more cells use: supernets first, then by what they cost."""
    found = [
        SharedWork(
            id=use.id,
            kind=KINDS.get(use.stage, "other"),
            phase=use.phase,
            target=use.target,
            cells=cells,
            core_seconds=use.core_seconds,
        )
        for use, cells in _by_stage(uses)
        if len(cells) > 1
    ]
    order = [*KINDS.values(), "other"]
    return tuple(sorted(found, key=lambda one: (order.index(one.kind), -(one.core_seconds or 0.0), one.id)))


def savings(uses: Uses) -> Savings:
    """What sharing saved: each stage counted once, against once for every cell that uses it."""
    spent = separate = 0.0
    uncounted = 0
    saved: dict[str, float] = defaultdict(float)
    distinct: dict[str, int] = defaultdict(int)
    used: dict[str, int] = defaultdict(int)
    for use, cells in _by_stage(uses):
        kind = KINDS.get(use.stage, "other")
        distinct[kind] += 1
        used[kind] += len(cells)
        if use.core_seconds is None:
            uncounted += 1
            continue
        spent += use.core_seconds
        separate += use.core_seconds * len(cells)
        saved[kind] += use.core_seconds * (len(cells) - 1)
    return Savings(
        spent_core_seconds=round(spent, 3),
        separate_core_seconds=round(separate, 3),
        saved_core_seconds=round(separate - spent, 3),
        saved_by_kind={kind: round(seconds, 3) for kind, seconds in saved.items() if seconds},
        uncounted=uncounted,
        supernets=distinct["supernet"],
        supernet_uses=used["supernet"],
        tables=distinct["table"],
        table_uses=used["table"],
    )


def best(cells: Sequence[CellResult]) -> tuple[Best, ...]:
    """The best cell of each data set and target: the highest metric on the validation set, of equals the fastest.

    Networks that exceed their budget or a limit do not compete.
    """
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for cell in cells:
        groups.setdefault((cell.data, cell.target), []).append(cell)
    found = []
    for (data, target), members in groups.items():
        able = [cell for cell in members if _competes(cell)]
        first = min(able, key=_rank, default=None)
        found.append(Best(data=data, target=target, cell=None if first is None else first.id))
    return tuple(found)


def _competes(cell: CellResult) -> bool:
    model = cell.model
    return model is not None and model.latency_ms.verdict != "exceeded" and all(one.met for one in model.limits)


def _rank(cell: CellResult) -> tuple[float, float]:
    assert cell.model is not None
    return -(cell.validation if cell.validation is not None else -1.0), cell.model.latency_ms.final_ms


def _by_stage(uses: Uses) -> Iterable[tuple[StageUse, tuple[str, ...]]]:
    """Each stage with the cells that use it."""
    stages: dict[str, StageUse] = {}
    cells: dict[str, list[str]] = defaultdict(list)
    for cell, own in uses.items():
        for use in own:
            stages[use.id] = use
            cells[use.id].append(cell)
    return [(use, tuple(cells[key])) for key, use in stages.items()]
