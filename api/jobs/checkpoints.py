"""What is stored of a job's work, from its events: finished stages, and the newest checkpoint of each unfinished training."""

from typing import Final

from sqlalchemy import Connection

from api import pagination
from api.database import to_datetime
from api.jobs import events_table
from api.jobs.events_table import StoredEvent
from api.jobs.schemas import Checkpoint, Checkpoints
from nas.events import CheckpointEvent, PhaseEvent

Stage = tuple[str, str | None]
"""(phase, target) of a stage."""

CHECKPOINT_EVENTS: Final = 100
"""How many of the latest checkpoint events are read: a job has few unfinished stages, and only the newest of each counts."""


def checkpoints(connection: Connection, job_id: str) -> Checkpoints:
    """The finished stages in their order, then the newest checkpoint of each unfinished one."""
    found: dict[Stage, Checkpoint] = {}
    ended: dict[Stage, int] = {}
    for row in events_table.of_types(connection, job_id, ("phase",), limit=pagination.MAX_PAGE_SIZE):
        event = PhaseEvent.model_validate_json(row.data)
        if event.status != "started":
            stage = (event.phase, event.target)
            ended[stage] = row.seq
            found[stage] = _merged(found.get(stage), _finished(row, event))
    unfinished: dict[Stage, Checkpoint] = {}
    for row in events_table.latest(connection, job_id, "checkpoint", limit=CHECKPOINT_EVENTS):
        state = CheckpointEvent.model_validate_json(row.data)
        stage = (state.phase, state.target)
        if row.seq > ended.get(stage, 0):
            unfinished.setdefault(stage, _unfinished(row, state))
    return Checkpoints(items=(*found.values(), *unfinished.values()))


def _finished(row: StoredEvent, event: PhaseEvent) -> Checkpoint:
    return Checkpoint(
        phase=event.phase,
        target=event.target,
        at=to_datetime(row.at),
        reused=event.status == "reused",
        seconds=event.seconds,
    )


def _merged(before: Checkpoint | None, now: Checkpoint) -> Checkpoint:
    """A stage that ends several times, as the training of each finalist does, as one entry with the total time."""
    if before is None or now.reused:  # a resumed job finds what it finished before
        return before or now
    seconds = None if now.seconds is None else now.seconds + (before.seconds or 0.0)
    return now.model_copy(update={"seconds": seconds})


def _unfinished(row: StoredEvent, state: CheckpointEvent) -> Checkpoint:
    return Checkpoint(
        kind="checkpoint",
        phase=state.phase,
        target=state.target,
        at=to_datetime(row.at),
        reused=state.restored,
        seconds=None,
        step=state.step,
        total=state.total,
    )
