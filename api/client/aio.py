"""The client for coroutines. `sync.py` has the one for ordinary code; what they share is in `calls.py` and `files.py`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from api.client import calls
from api.client.calls import Call, Following, Page, Tries
from api.client.files import Download, pieces, place_of, whole
from api.datasets.schemas import DatasetDocument
from api.jobs.schemas import Fronts, JobDocument, JobEvent, Validation
from api.models.schemas import Artifact, ModelDocument
from nas.events import CandidateEvent, EventSink, ignore

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

    @property
    def url(self) -> str:
        """The service's address."""
        return str(self._http.base_url).rstrip("/")

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
        async for document in self._items(lambda token: self.run(calls.list_jobs(token, filters))):
            yield AsyncJob(self, document)

    async def models(self, *, job_id: str | None = None) -> AsyncIterator["AsyncModel"]:
        """All models, newest first, or those of one job."""
        async for document in self._items(lambda token: self.run(calls.list_models(job_id, token))):
            yield AsyncModel(self, document)

    async def candidates(self, job_id: str) -> AsyncIterator[CandidateEvent]:
        """The architectures that a search has evaluated, in their order."""
        async for event in self._items(lambda token: self.run(calls.list_candidates(job_id, token))):
            yield event

    async def fronts(self, job_id: str) -> Fronts:
        """The Pareto fronts of a search by now: of finished networks, and what the supernet said of its own."""
        return await self.run(calls.get_fronts(job_id))

    async def datasets(self) -> AsyncIterator[DatasetDocument]:
        """All data sets, newest first; `sha256` is that of the file which was uploaded."""
        async for document in self._items(lambda token: self.run(calls.list_datasets(token))):
            yield document

    async def _items(self, page_of: Callable[[str | None], Awaitable[Page[T]]]) -> AsyncIterator[T]:
        """All items of a list whose pages are asked for by their tokens, each when it is needed."""
        token: str | None = None
        while True:
            page = await page_of(token)
            for item in page.items:
                yield item
            token = page.next_page_token
            if token is None:
                return

    async def upload(self, path: Path | str, *, name: str | None = None) -> DatasetDocument:
        """Uploads an `.npz` or a `.zip` of class folders."""
        return await self.run(calls.upload(Path(path), name or "data set"))

    async def events(self, job_id: str, *, after: int = 0) -> AsyncGenerator[JobEvent, None]:
        """Events above a number until the job's last, as they happen; a lost connection is taken up again."""
        follow = Following(job_id, after)
        while not follow.ended:
            pause = 0.0
            try:
                async with self._http.stream("GET", follow.path, headers=follow.headers) as stream:
                    if stream.status_code == 204:
                        return
                    if stream.status_code != 200:
                        pause = follow.tries.refused(stream.status_code, stream.headers, await stream.aread())
                    else:
                        async for line in stream.aiter_lines():
                            event = follow.take(line)
                            if event is not None:
                                yield event
                            if follow.ended:
                                return
            except httpx2.TransportError as error:
                pause = follow.tries.silence(error)
            await asyncio.sleep(pause)

    async def download(self, artifact: Artifact, path: Path) -> None:
        """Downloads a file: goes on from what is there of it, and checks its hash.

        Raises:
            WrongContent: the hash is another; what was downloaded is removed.
        """
        download = Download(artifact, path)
        while (headers := await asyncio.to_thread(download.missing)) is not None:
            pause = 0.0
            try:
                async with self._http.stream("GET", download.url, headers=headers) as stream:
                    if stream.status_code not in (200, 206):
                        pause = download.tries.refused(stream.status_code, stream.headers, await stream.aread())
                    else:
                        await asyncio.to_thread(download.begin, stream.status_code)
                        async for piece in stream.aiter_bytes():
                            await asyncio.to_thread(download.take, piece)
            except httpx2.TransportError as error:
                pause = download.tries.silence(error)
            await asyncio.sleep(pause)
        await asyncio.to_thread(download.finish)

    async def run(self, call: Call[T]) -> T:
        """Sends a request, again where that does no harm."""
        tries = Tries(again=call.repeatable)
        while True:
            try:
                answer = await self._http.request(
                    call.method,
                    call.path,
                    json=call.body,
                    content=None if call.file is None else _pieces(call.file),
                    params=dict(call.params),
                    headers=dict(call.headers),
                    timeout=self._http.timeout if call.file is None else None,
                )
                if answer.is_success:
                    return call.read(answer.content)
                pause = tries.refused(answer.status_code, answer.headers, answer.content)
            except httpx2.TransportError as error:
                pause = tries.silence(error)
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

    @property
    def state(self) -> str:
        """Its state when it was last asked for."""
        return self.document.state

    async def refresh(self) -> "AsyncJob":
        """Asks for it again."""
        self.document = await self._client.run(calls.get_job(self.id))
        return self

    async def wait(self, *, progress: bool = False, on_event: EventSink = ignore) -> "AsyncJob":
        """Waits until the job has ended, however it ends; the arguments are those of `Job.wait`."""
        with calls.drawing(shown=progress) as draw:
            if not calls.ended(self.document):
                async with aclosing(self.events()) as events:
                    async for event in events:
                        draw(event.event)
                        on_event(event.event)
                await self.refresh()
        return self

    def events(self, *, after: int = 0) -> AsyncGenerator[JobEvent, None]:
        """Its events until its last, as they happen."""
        return self._client.events(self.id, after=after)

    async def cancel(self) -> "AsyncJob":
        """Asks it to stop for good."""
        return await self._ask("cancel")

    async def pause(self) -> "AsyncJob":
        """Asks it to stop until it is resumed."""
        return await self._ask("pause")

    async def resume(self, *, any_device: bool = False) -> "AsyncJob":
        """Queues it again; with `any_device` no more bound to the devices of its first worker, only to those that its spec names."""
        return await self._ask("resume", any_device=any_device)

    async def models(self) -> list["AsyncModel"]:
        """What it delivered."""
        return [model async for model in self._client.models(job_id=self.id)]

    async def export(self, architecture_id: str, *, target: str | None = None) -> "AsyncJob":
        """Queues the finishing of another of its architectures than the one it delivered."""
        return await self._client.export(self.id, architecture_id, target=target)

    async def _ask(self, what: str, **how: bool) -> "AsyncJob":
        self.document = await self._client.run(calls.ask_job(self.id, what, **how))
        return self


class AsyncModel:
    """A delivered model."""

    def __init__(self, client: AsyncClient, document: ModelDocument) -> None:
        self._client = client
        self.document = document

    async def download(self, folder: Path | str) -> Path:
        """Downloads all of its files into a folder; files that are there and whole are kept.

        Raises:
            WrongContent: a file is not what the service said.
        """
        place = Path(folder)
        await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True)
        for artifact in self.document.artifacts:
            path = place_of(artifact, place)
            if not await asyncio.to_thread(whole, path, artifact):
                await self._client.download(artifact, path)
        return place


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    """A file, read beside the event loop."""
    found = pieces(path)
    while (piece := await asyncio.to_thread(next, found, None)) is not None:
        yield piece
