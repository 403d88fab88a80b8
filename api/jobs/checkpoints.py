"""What is stored of a job's work, from what it told: finished stages, and the newest state of a training that is not finished."""

from typing import Final

from sqlalchemy import Connection

from api import pages
from api.database import as_time
from api.jobs import events_table
from api.jobs.events_table import StoredEvent
from api.jobs.schemas import Checkpoint, Checkpoints
from nas.events import CheckpointEvent, PhaseEvent

Stage = tuple[str, str | None]
"""(phase, target) of a stage."""

LOOKED_AT: Final = 100
"""Newest states that are looked at: a job has few unfinished stages, and an older state of a stage says nothing."""


def checkpoints(connection: Connection, job_id: str) -> Checkpoints:
    """The stages that are stored, in their order, then the newest state of each that is not."""
    found: dict[Stage, Checkpoint] = {}
    ended: dict[Stage, int] = {}
    for row in events_table.of_types(connection, job_id, ("phase",), limit=pages.MAX_PAGE_SIZE):
        event = PhaseEvent.model_validate_json(row.data)
        if event.status != "started":
            stage = (event.phase, event.target)
            ended[stage] = row.seq
            found[stage] = _together(found.get(stage), _finished(row, event))
    unfinished: dict[Stage, Checkpoint] = {}
    for row in events_table.newest(connection, job_id, "checkpoint", limit=LOOKED_AT):
        state = CheckpointEvent.model_validate_json(row.data)
        stage = (state.phase, state.target)
        if row.seq > ended.get(stage, 0):
            unfinished.setdefault(stage, _unfinished(row, state))
    return Checkpoints(items=(*found.values(), *unfinished.values()))


def _finished(row: StoredEvent, event: PhaseEvent) -> Checkpoint:
    return Checkpoint(
        phase=event.phase,
        target=event.target,
        at=as_time(row.at),
        reused=event.status == "reused",
        seconds=event.seconds,
    )


def _together(before: Checkpoint | None, now: Checkpoint) -> Checkpoint:
    """A stage that ends several times, as the training of each finalist does, told as one with the time of all."""
    if before is None or now.reused:  # a job that is taken up again finds what it finished before
        return before or now
    seconds = None if now.seconds is None else now.seconds + (before.seconds or 0.0)
    return now.model_copy(update={"seconds": seconds})


def _unfinished(row: StoredEvent, state: CheckpointEvent) -> Checkpoint:
    return Checkpoint(
        kind="checkpoint",
        phase=state.phase,
        target=state.target,
        at=as_time(row.at),
        reused=state.restored,
        seconds=None,
        step=state.step,
        total=state.total,
    )
