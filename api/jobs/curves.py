"""Curves of a job for plots: its metrics so far, downsampled. Not here: the events themselves.

Downsampling depends on the points alone: the first and the last stay, and of each bucket between them the lowest and the highest.
"""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import Field
from sqlalchemy import Connection

from api.jobs import events_table
from api.wire import WireModel, examples
from nas.events import Phase

PAGE_SIZE: Final = 5000
MIN_POINTS: Final = 4
MAX_POINTS: Final = 5000

Key = tuple[str, str | None, str]
"""(phase, target, name) of a curve."""


class MetricSeries(WireModel):
    """One curve: `values[i]` at `steps[i]`, steps ascending."""

    phase: Phase
    target: str | None
    name: str = Field(
        description="as in `metric` events; `hypervolume` is that of the candidates' fronts, over architectures evaluated"
    )
    steps: tuple[int, ...]
    values: tuple[float, ...]
    count: int = Field(description="points before downsampling")


class Metrics(WireModel):
    """All curves of a job so far."""

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

    When steps repeat, a training was resumed from a checkpoint or the next network is trained: the new points replace the old ones
    from there on.
    """
    found: dict[Key, list[tuple[int, float]]] = {}
    for key, step, value in _points(connection, job_id, last_event):
        line = found.setdefault(key, [])
        while line and line[-1][0] >= step:
            line.pop()
        line.append((step, value))
    items = []
    for (phase, target, name), line in found.items():
        kept = downsample([value for _, value in line], points)
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


def downsample(values: Sequence[float], points: int) -> list[int]:
    """Indices of at most `points` values (4 or more): the first, the last, and the lowest and highest of each bucket between.

    >>> downsample([0, 5, 1, 9, 2, 3], 4)
    [0, 2, 3, 5]
    """
    if len(values) <= points:
        return list(range(len(values)))
    buckets, inner = (points - 2) // 2, len(values) - 2
    kept = {0, len(values) - 1}
    for number in range(buckets):
        bucket = range(1 + inner * number // buckets, 1 + inner * (number + 1) // buckets)
        kept.add(min(bucket, key=lambda i: (values[i], i)))
        kept.add(max(bucket, key=lambda i: (values[i], -i)))
    return sorted(kept)


def _points(connection: Connection, job_id: str, last: int) -> Iterable[tuple[Key, int, float]]:
    after = 0
    while True:
        rows = events_table.of_types(connection, job_id, ("metric", "front"), after=after, last=last, limit=PAGE_SIZE)
        for row in rows:
            event: dict[str, Any] = json.loads(row.data)
            if row.type == "metric":
                point = (event["phase"], event.get("target"), event["name"]), event["step"], event["value"]
            elif event.get("of") == "trained":
                continue
            else:
                point = ("searching", event["target"], "hypervolume"), event["evaluations"], event.get("hypervolume")
            if point[2] is not None and math.isfinite(point[2]):
                yield point
        if len(rows) < PAGE_SIZE:
            return
        after = rows[-1].seq
