"""The events of a job under one address in two forms: pages of JSON, and a stream of server-sent events.

The stream is numbered like the pages, so that a client that lost its connection continues with `Last-Event-ID`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import StringConstraints
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool

from api.access import JobsReader
from api.database import to_datetime
from api.dependencies import JobsService, SettingsValue
from api.errors import ScopeMissing, UnknownJob
from api.jobs.events_table import StoredEvent
from api.jobs.schemas import EventPage
from api.jobs.service import Jobs
from api.problems import problems
from api.routes.jobs import JobId
from api.settings import Settings

log = logging.getLogger("hwnas.events")

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

STREAM = "text/event-stream"
RETRY_MS = 1000
RECONNECT = format_sse_event(data_str="{}", event="reconnect")
BATCH_SIZE = 500

_SEQ = r"^(0|[1-9][0-9]{0,8})?$"


@router.get(
    "/{job_id}/events",
    operation_id="list_job_events",
    summary="Read or follow the events of a job",
    response_model=EventPage,
    responses={
        **problems(UnknownJob, ScopeMissing),
        200: {
            "description": "A page, or a stream of `JobEvent`s when `Accept` is `text/event-stream`",
            "content": {STREAM: {"schema": {"type": "string"}}},
        },
        204: {"description": "To a stream: the job has ended, and nothing follows `Last-Event-ID`"},
    },
)
async def list_job_events(
    job_id: JobId,
    request: Request,
    subject: JobsReader,
    jobs: JobsService,
    settings: SettingsValue,
    after: Annotated[int, Query(ge=0, lt=2**31, description="only events with higher numbers")] = 0,
    page_size: Annotated[int, Query(ge=1, description="items on a page, at most 1000")] = 500,
    last_event_id: Annotated[
        Annotated[str, StringConstraints(pattern=_SEQ)] | SkipJsonSchema[None],
        Header(description="in a stream, instead of `after`"),
    ] = None,
) -> Any:
    """Events with numbers above `after`; a stream continues until the job's `end` event."""
    if STREAM not in request.headers.get("accept", ""):
        return await run_in_threadpool(jobs.events, subject, job_id, after=after, size=page_size)
    start = int(last_event_id) if last_event_id else after
    tail: EventTail = request.app.state.event_tail
    first = await tail.read(subject.tenant_id, job_id, start)
    if first.ended and not first.frames:
        return Response(status_code=204)
    stopping: Callable[[], bool] = request.app.state.stopping.is_set
    return EventSourceResponse(
        _follow(tail, (subject.tenant_id, job_id), first, settings, stopping), headers={"X-Accel-Buffering": "no"}
    )


async def _follow(
    tail: "EventTail", job: tuple[str, str], batch: "EventBatch", settings: Settings, stopping: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """The stream, from its first batch."""
    clock = asyncio.get_running_loop().time
    until, last_sent = clock() + settings.stream_life_s, clock()
    yield format_sse_event(retry=RETRY_MS, comment="events of " + job[1])
    while True:
        if batch.frames:
            yield batch.frames
            last_sent = clock()
        if batch.ended:
            return
        if stopping() or clock() > until:
            yield RECONNECT
            return
        if not batch.full:
            await tail.wait_for_poll()
        if clock() - last_sent > settings.stream_ping_s:
            yield KEEPALIVE_COMMENT
            last_sent = clock()
        try:
            batch = await tail.read(*job, batch.last)
        except UnknownJob:  # deleted meanwhile; a client that reconnects gets 404
            return
        except DBAPIError:
            log.exception("a stream ends, since the database does not answer", extra={"job_id": job[1]})
            yield RECONNECT
            return


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Some events of a stream.

    Attributes:
        frames: as they are sent.
        last: number of the last of them.
        full: whether there may be more already.
        ended: whether none will follow.
    """

    frames: bytes
    last: int
    full: bool
    ended: bool


class EventTail:
    """Reads events for all streams of a process. They poll at the same moments, and those at the same position share one read."""

    def __init__(self, jobs: Jobs, poll_s: float) -> None:
        self._jobs = jobs
        self._poll_s = poll_s
        self._tasks: dict[tuple[str, str, int], asyncio.Task[EventBatch]] = {}

    async def wait_for_poll(self) -> None:
        """Waits for the next poll."""
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(self._poll_s - now % self._poll_s)

    async def read(self, tenant_id: str, job_id: str, last: int) -> EventBatch:
        """What follows the event `last`.

        Raises:
            UnknownJob: there is no such job.
        """
        key = (tenant_id, job_id, last)
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.create_task(run_in_threadpool(self._read, tenant_id, job_id, last))
            self._tasks[key] = task
            task.add_done_callback(lambda _: self._tasks.pop(key))
        return await asyncio.shield(task)  # a client that leaves must not end the read of others

    def _read(self, tenant_id: str, job_id: str, last: int) -> EventBatch:
        stored, ended = self._jobs.stored_events(tenant_id, job_id, after=last, size=BATCH_SIZE)
        frames = b"".join(map(_frame, stored))
        return EventBatch(frames, stored[-1].seq if stored else last, len(stored) == BATCH_SIZE, ended)


def _frame(stored: StoredEvent) -> bytes:
    """One event as the stream has it: the JSON of a `JobEvent`, whose event was validated when it was stored."""
    at = to_datetime(stored.at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = f'{{"seq":{stored.seq},"at":"{at}","event":{stored.data}}}'
    return format_sse_event(data_str=data, event=stored.type, id=str(stored.seq))
