"""Curves of a job for a page that draws them: its metrics by now, thinned to few points. Not here: the events themselves.

Thinning depends on nothing but the points: the first and the last stay, and of each stretch between them the lowest and the highest.
"""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import Field
from sqlalchemy import Connection

from api.jobs import events_table
from api.wire import Wire, examples
from nas.events import Phase

PAGE: Final = 5000
LEAST_POINTS: Final = 4
MOST_POINTS: Final = 5000

Key = tuple[str, str | None, str]
"""(phase, target, name) of a curve."""


class MetricSeries(Wire):
    """One curve: `values[i]` at `steps[i]`, steps ascending."""

    phase: Phase
    target: str | None
    name: str = Field(
        description="as in `metric` events; `hypervolume` is that of the candidates' fronts, over architectures evaluated"
    )
    steps: tuple[int, ...]
    values: tuple[float, ...]
    count: int = Field(description="points that there are, before thinning")


class Metrics(Wire):
    """All curves of a job by now."""

    model_config = examples(
        {
            "items": [
                {
                    "phase": "training", "target": None, "name": "loss_largest", "steps": [0, 10], "values": [2.3, 1.1],
                    "count": 2,
                }
            ],
            "last_event": 40,
        }
    )  # fmt: skip

    items: tuple[MetricSeries, ...] = Field(description="in the order in which they began")
    last_event: int = Field(
        description="number of the newest event that is in them; what follows is in the events above it"
    )


def curves(connection: Connection, job_id: str, points: int, last_event: int) -> Metrics:
    """The curves of a job from its events up to `last_event`, each with at most `points` points.

    Steps that come again are a training that was taken up from a checkpoint, or that of the next network: they take the place of
    what was told from there on.
    """
    found: dict[Key, list[tuple[int, float]]] = {}
    for key, step, value in _told(connection, job_id, last_event):
        line = found.setdefault(key, [])
        while line and line[-1][0] >= step:
            line.pop()
        line.append((step, value))
    items = []
    for (phase, target, name), line in found.items():
        kept = thinned([value for _, value in line], points)
        items.append(
            MetricSeries.model_validate(
                {
                    "phase": phase,
                    "target": target,
                    "name": name,
                    "steps": tuple(line[i][0] for i in kept),
                    "values": tuple(line[i][1] for i in kept),
                    "count": len(line),
                }
            )
        )
    return Metrics(items=tuple(items), last_event=last_event)


def thinned(values: Sequence[float], points: int) -> list[int]:
    """Indices of at most `points` values (4 or more): the first, the last, and the lowest and highest of each stretch between.

    >>> thinned([0, 5, 1, 9, 2, 3], 4)
    [0, 2, 3, 5]
    """
    if len(values) <= points:
        return list(range(len(values)))
    stretches, inner = (points - 2) // 2, len(values) - 2
    kept = {0, len(values) - 1}
    for number in range(stretches):
        stretch = range(1 + inner * number // stretches, 1 + inner * (number + 1) // stretches)
        kept.add(min(stretch, key=lambda i: (values[i], i)))
        kept.add(max(stretch, key=lambda i: (values[i], -i)))
    return sorted(kept)


def _told(connection: Connection, job_id: str, last: int) -> Iterable[tuple[Key, int, float]]:
    after = 0
    while True:
        rows = events_table.of_types(connection, job_id, ("metric", "front"), after=after, last=last, limit=PAGE)
        for row in rows:
            event: dict[str, Any] = json.loads(row.data)
            if row.type == "metric":
                point = (event["phase"], event.get("target"), event["name"]), event["step"], event["value"]
            elif event.get("of") == "finished":
                continue
            else:
                point = ("searching", event["target"], "hypervolume"), event["queries"], event.get("hypervolume")
            if point[2] is not None and math.isfinite(point[2]):
                yield point
        if len(rows) < PAGE:
            return
        after = rows[-1].seq
