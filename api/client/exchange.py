"""What both clients do over a connection, written once over `Transport`: a request, a paged list, a job's events, a download.

Requests that can be repeated are sent again while the service does not answer.
"""

from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx2

from api.client.calls import Call, EventStream, Page, Retries
from api.client.files import Download
from api.client.transport import Transport
from api.jobs.schemas import JobEvent
from api.models.schemas import Artifact

T = TypeVar("T")


async def request(transport: Transport, call: Call[T]) -> T:
    """Sends a request, again where that does no harm.

    Raises:
        ApiError: the service rejects it.
        NoAnswer: it cannot be reached.
    """
    retries = Retries(enabled=call.repeatable)
    while True:
        try:
            response = await transport.send(call)
            if response.is_success:
                return call.read(response.content)
            pause = retries.after_error(response.status_code, response.headers, response.content)
        except httpx2.TransportError as error:
            pause = retries.after_no_answer(error)
        await transport.sleep(pause)


async def paged(transport: Transport, page_call: Callable[[str | None], Call[Page[T]]]) -> AsyncGenerator[T, None]:
    """All items of a list; each page is requested by its token when it is needed. Raises as `request`."""
    token: str | None = None
    while True:
        page = await request(transport, page_call(token))
        for item in page.items:
            yield item
        token = page.next_page_token
        if token is None:
            return


async def follow(transport: Transport, job_id: str, after: int) -> AsyncGenerator[JobEvent, None]:
    """Events above a number until the job's last, as they happen; reconnects after a lost connection. Raises as `request`."""
    events = EventStream(job_id, after)
    while not events.ended:
        pause = 0.0
        try:
            async with transport.stream(events.path, events.headers) as stream:
                if stream.status == 204:
                    return
                if stream.status != 200:
                    pause = events.retries.after_error(stream.status, stream.headers, await stream.read())
                else:
                    async for line in stream.lines():
                        event = events.parse(line)
                        if event is not None:
                            yield event
                        if events.ended:
                            return
        except httpx2.TransportError as error:
            pause = events.retries.after_no_answer(error)
        await transport.sleep(pause)


async def download(transport: Transport, artifact: Artifact, path: Path) -> None:
    """Downloads a file: resumes from what is there of it, and checks its hash. Raises as `request`.

    Raises:
        WrongContent: the hash is another; what was downloaded is removed.
    """
    file = Download(artifact, path)
    while (headers := await transport.run_blocking(file.missing)) is not None:
        pause = 0.0
        try:
            async with transport.stream(file.url, headers) as stream:
                if stream.status not in (200, 206):
                    pause = file.retries.after_error(stream.status, stream.headers, await stream.read())
                else:
                    await transport.run_blocking(partial(file.begin, stream.status))
                    async for chunk in stream.chunks():
                        await transport.run_blocking(partial(file.write, chunk))
        except httpx2.TransportError as error:
            pause = file.retries.after_no_answer(error)
        await transport.sleep(pause)
    await transport.run_blocking(file.finish)
