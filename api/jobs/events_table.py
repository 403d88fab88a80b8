"""All statements on the numbered events of a job, and on the candidates and fronts among them.

Not here: the job's own row (`repository.py`), and the form in which events are sent (`api/routes/job_events.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, insert, or_, select, update

from api.database import utc_ms
from api.tables import candidates, fronts, job_events, jobs
from nas.events import EVENT, CandidateEvent, Event, FinalistEvent, FrontEvent, PhaseEvent, PlanEvent

MAX_SEQ: Final = 2**31 - 1
"""No event of a job has a higher number."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of the table; `data` is the event's JSON."""

    seq: int
    at: int
    type: str
    data: str


def append(
    connection: Connection, job_id: str, items: Sequence[Event], *, epoch: int | None = None, **values: Any
) -> int | None:
    """Numbers and stores events, and sets columns of the job with them; with `epoch` only while that lease is valid.

    A candidate that is stored already is left out: an engine that resumes after a kill emits its candidates again.

    Returns:
        The number of the last one; None when the lease is lost (nothing was stored then).
    """
    fresh = _without_stored_candidates(connection, job_id, items)
    query = update(jobs).where(jobs.c.id == job_id).values(event_seq=jobs.c.event_seq + len(fresh), **values)
    if epoch is not None:
        query = query.where(jobs.c.lease_epoch == epoch)
    row = connection.execute(query.returning(jobs.c.event_seq, jobs.c.lease_epoch, utc_ms())).one_or_none()
    if row is None:
        return None
    last, lease_epoch, now = row
    rows = [
        {
            "job_id": job_id,
            "seq": seq,
            "epoch": lease_epoch,
            "at": now,
            "type": item.type,
            "data": EVENT.dump_json(item).decode(),
        }
        for seq, item in enumerate(fresh, start=last - len(fresh) + 1)
    ]
    if rows:
        connection.execute(insert(job_events), rows)
        _store_results(connection, job_id, list(zip(fresh, rows, strict=True)))
    return int(last)


def page(connection: Connection, job_id: str, *, after: int, limit: int) -> list[StoredEvent]:
    """Events of a job with numbers above `after`, in order."""
    query = _events(job_id).where(job_events.c.seq > after).order_by(job_events.c.seq).limit(limit)
    return [StoredEvent(*row) for row in connection.execute(query)]


def of_types(
    connection: Connection,
    job_id: str,
    kinds: Sequence[str],
    *,
    after: int = 0,
    last: int = MAX_SEQ,
    limit: int = MAX_SEQ,
) -> list[StoredEvent]:
    """Events of some types, numbered above `after` and up to `last`, in order."""
    query = _events(job_id).where(job_events.c.type.in_(kinds), job_events.c.seq > after, job_events.c.seq <= last)
    return [StoredEvent(*row) for row in connection.execute(query.order_by(job_events.c.seq).limit(limit))]


def log_page(
    connection: Connection, job_id: str, *, after: int, limit: int, levels: Sequence[str]
) -> list[StoredEvent]:
    """Log events of some levels with numbers above `after`, in order."""
    query = _events(job_id).where(job_events.c.type == "log", job_events.c.seq > after)
    # In JSON a quote inside a text is escaped, so this is found in no message.
    query = query.where(or_(*(job_events.c.data.contains(f'"level":"{level}"') for level in levels)))
    return [StoredEvent(*row) for row in connection.execute(query.order_by(job_events.c.seq).limit(limit))]


def latest(connection: Connection, job_id: str, kind: str, *, limit: int) -> list[StoredEvent]:
    """The latest events of a type, newest first."""
    query = _events(job_id).where(job_events.c.type == kind).order_by(job_events.c.seq.desc()).limit(limit)
    return [StoredEvent(*row) for row in connection.execute(query)]


def candidates_of(connection: Connection, job_id: str, architecture_id: str) -> list[str]:
    """The candidates of a job with an architecture, as JSON, in order."""
    named = candidates.c.data.contains(f'"architecture_id":"{architecture_id}"', autoescape=True)
    query = select(candidates.c.data).where(candidates.c.job_id == job_id, named).order_by(candidates.c.seq)
    return list(connection.scalars(query))


def finalists_of(connection: Connection, job_id: str, architecture_id: str) -> list[FinalistEvent]:
    """The finalist events of an architecture, in order; a resumed job emits them again."""
    named = job_events.c.data.contains(f'"architecture_id":"{architecture_id}"', autoescape=True)
    query = _events(job_id).where(job_events.c.type == "finalist", named).order_by(job_events.c.seq)
    return [FinalistEvent.model_validate_json(row.data) for row in connection.execute(query)]


def resolution_of(connection: Connection, job_id: str) -> int | None:
    """Input resolution of a job in pixels; None while it is not known."""
    plans = latest(connection, job_id, "plan", limit=1)
    return PlanEvent.model_validate_json(plans[0].data).resolution if plans else None


def latency_tables_of(connection: Connection, job_id: str) -> dict[str, str]:
    """SHA-256 of the latency table that a job used, by target; only those that are known."""
    found: dict[str, str] = {}
    for row in of_types(connection, job_id, ("phase",)):
        event = PhaseEvent.model_validate_json(row.data)
        if event.phase == "profiling" and event.target is not None and "table" in event.outputs:
            found[event.target] = event.outputs["table"]
    return found


def _events(job_id: str) -> Select[Any]:
    columns = (job_events.c.seq, job_events.c.at, job_events.c.type, job_events.c.data)
    return select(*columns).where(job_events.c.job_id == job_id)


def candidate_page(connection: Connection, job_id: str, *, after: int, limit: int) -> list[StoredEvent]:
    """Candidates of a job whose events have numbers above `after`, in order."""
    query = (
        select(candidates.c.seq, job_events.c.at, job_events.c.type, candidates.c.data)
        .join(job_events, (job_events.c.job_id == candidates.c.job_id) & (job_events.c.seq == candidates.c.seq))
        .where(candidates.c.job_id == job_id, candidates.c.seq > after)
        .order_by(candidates.c.seq)
        .limit(limit)
    )
    return [StoredEvent(*row) for row in connection.execute(query)]


def architecture_string(connection: Connection, job_id: str, architecture_id: str) -> str | None:
    """The canonical string of an architecture that a job evaluated, trained as a finalist, or has on a front."""
    known: dict[str, str] = {}
    for event in fronts_of(connection, job_id):
        known |= {p.architecture_id: p.architecture for p in event.points}
    known |= {f.architecture_id: f.architecture for f in finalists_of(connection, job_id, architecture_id)}
    for data in candidates_of(connection, job_id, architecture_id):
        candidate = CandidateEvent.model_validate_json(data)
        known[candidate.architecture_id] = candidate.architecture
    return known.get(architecture_id)


def fronts_of(connection: Connection, job_id: str) -> list[FrontEvent]:
    """The newest fronts of each target of a job, by target: that of candidates, then that of trained networks."""
    query = select(fronts.c.data).where(fronts.c.job_id == job_id).order_by(fronts.c.target, fronts.c.of)
    return [FrontEvent.model_validate_json(data) for data in connection.scalars(query)]


def _without_stored_candidates(connection: Connection, job_id: str, items: Sequence[Event]) -> list[Event]:
    """The events without candidates that are stored already or come twice."""
    numbers = [item.number for item in items if isinstance(item, CandidateEvent)]
    if not numbers:
        return list(items)
    query = select(candidates.c.target, candidates.c.number).where(
        candidates.c.job_id == job_id, candidates.c.number.between(min(numbers), max(numbers))
    )
    known = {(row.target, row.number) for row in connection.execute(query)}
    fresh: list[Event] = []
    for item in items:
        if isinstance(item, CandidateEvent):
            if (key := (_target(item), item.number)) in known:
                continue
            known.add(key)
        fresh.append(item)
    return fresh


def _store_results(connection: Connection, job_id: str, stored: Sequence[tuple[Event, dict[str, Any]]]) -> None:
    found = [
        {"job_id": job_id, "target": _target(item), "number": item.number, "seq": row["seq"], "data": row["data"]}
        for item, row in stored
        if isinstance(item, CandidateEvent)
    ]
    if found:
        connection.execute(insert(candidates), found)
    newest = {(item.target, item.of): row["data"] for item, row in stored if isinstance(item, FrontEvent)}
    for (target, of), data in newest.items():
        key = {"job_id": job_id, "target": target, "of": of}
        connection.execute(delete(fronts).where(*(fronts.c[name] == value for name, value in key.items())))
        connection.execute(insert(fronts).values(**key, data=data))


def _target(item: CandidateEvent) -> str:
    """The target in whose search a candidate was evaluated: each numbers its own."""
    return ",".join(sorted(item.latency_ms))[:200]
