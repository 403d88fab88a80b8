"""The client for coroutines. `sync.py` has the one for ordinary code, which also downloads."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from api.client import calls
from api.client.calls import Call, EventLines
from api.errors import NoAnswer
from api.jobs.schemas import JobDocument, JobEvent, Validation
from api.jobs.states import ENDED
from api.models.schemas import ModelDocument
from nas.events import EventSink, ignore

T = TypeVar("T")


class AsyncClient:
    """A connection to one service. Arguments and errors are those of `Client`."""

    def __init__(self, url: str, *, key: str | None = None, timeout_s: float = 60.0) -> None:
        headers = {"Authorization": f"Bearer {calls.key_or_environment(key)}"}
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def search(self, *, data: str, targets: Sequence[Mapping[str, Any]], **others: Any) -> "AsyncJob":
        """Queues a search; `others` are further fields of its spec."""
        return await self.submit({"kind": "search", "data": data, "targets": [dict(t) for t in targets], **others})

    async def export(self, job_id: str, architecture_id: str, *, target: str | None = None) -> "AsyncJob":
        """Queues the finishing of another architecture of a search than the one it delivered."""
        return await self.submit(calls.export_spec(job_id, architecture_id, target))

    async def submit(
        self, spec: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, max_duration_s: float | None = None
    ) -> "AsyncJob":
        """Queues a job of any kind."""
        return AsyncJob(self, await self.run(calls.create_job(spec, labels, max_duration_s)))

    async def validate(self, spec: Mapping[str, Any]) -> Validation:
        """What a job would take."""
        return await self.run(calls.validate(spec))

    async def job(self, job_id: str) -> "AsyncJob":
        """A job by its id."""
        return AsyncJob(self, await self.run(calls.get_job(job_id)))

    async def jobs(self, **filters: Any) -> AsyncIterator["AsyncJob"]:
        """All jobs, newest first, page by page."""
        token: str | None = None
        while True:
            page = await self.run(calls.list_jobs(token, filters))
            for document in page.items:
                yield AsyncJob(self, document)
            token = page.next_page_token
            if token is None:
                return

    async def models(self, *, job_id: str | None = None) -> list[ModelDocument]:
        """All models, newest first, or those of one job."""
        found: list[ModelDocument] = []
        token: str | None = None
        while True:
            page = await self.run(calls.list_models(job_id, token))
            found += page.items
            token = page.next_page_token
            if token is None:
                return found

    async def events(self, job_id: str, *, after: int = 0) -> AsyncIterator[JobEvent]:
        """Events above a number until the job's last, as they happen; a lost connection is taken up again."""
        lines, number = EventLines(after), 0
        while not lines.ended:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(lines.last)}
            try:
                async with self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as stream:
                    if stream.status_code == 204:
                        return
                    if stream.status_code != 200:
                        raise calls.refusal(stream.status_code, await stream.aread())
                    async for line in stream.aiter_lines():
                        event = lines.take(line)
                        if event is not None:
                            number = 0
                            yield event
            except httpx2.TransportError as error:
                pause = calls.pause_before(number, None, None)
                number += 1
                if pause is None:
                    raise _silent(error) from error
                await asyncio.sleep(pause)

    async def run(self, call: Call[T]) -> T:
        """Sends a request, again where that does no harm."""
        number = 0
        while True:
            status, retry_after = None, None
            wrong: Exception
            try:
                answer = await self._http.request(
                    call.method, call.path, json=call.body, params=dict(call.params), headers=dict(call.headers)
                )
                if answer.is_success:
                    return call.read(answer.content)
                status, retry_after = answer.status_code, answer.headers.get("retry-after")
                wrong = calls.refusal(status, answer.content)
            except httpx2.TransportError as error:
                wrong = _silent(error)
            pause = calls.pause_before(number, status, retry_after) if call.repeatable else None
            if pause is None:
                raise wrong
            number += 1
            await asyncio.sleep(pause)


class AsyncJob:
    """A job, as it was when it was last asked for."""

    def __init__(self, client: AsyncClient, document: JobDocument) -> None:
        self._client = client
        self.document = document

    @property
    def id(self) -> str:
        """Its id."""
        return self.document.id

    async def refresh(self) -> "AsyncJob":
        """Asks for it again."""
        self.document = await self._client.run(calls.get_job(self.id))
        return self

    async def wait(self, *, on_event: EventSink = ignore) -> "AsyncJob":
        """Waits until the job has ended, however it ends."""
        while self.document.state not in ENDED:
            async for event in self._client.events(self.id):
                on_event(event.event)
            await self.refresh()
        return self

    async def cancel(self) -> "AsyncJob":
        """Asks it to stop for good."""
        return await self._ask("cancel")

    async def pause(self) -> "AsyncJob":
        """Asks it to stop until it is resumed."""
        return await self._ask("pause")

    async def resume(self) -> "AsyncJob":
        """Queues it again."""
        return await self._ask("resume")

    async def export(self, architecture_id: str, *, target: str | None = None) -> "AsyncJob":
        """Queues the finishing of another of its architectures than the one it delivered."""
        return await self._client.export(self.id, architecture_id, target=target)

    async def _ask(self, what: str) -> "AsyncJob":
        self.document = await self._client.run(calls.ask_job(self.id, what))
        return self


def _silent(error: Exception) -> NoAnswer:
    return NoAnswer(f"The service does not answer: {error}.", fix="Check its address, and whether it runs.")
