"""The client for coroutines. `sync.py` has the one for ordinary code; what they share is in `exchange.py`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from api.client import calls, exchange
from api.client.calls import Call, Page
from api.client.files import is_complete, path_of
from api.client.transport import AsyncTransport
from api.datasets.schemas import DatasetDocument
from api.jobs.batch_answer import BatchValidation
from api.jobs.schemas import Fronts, JobDocument, JobEvent, Validation
from api.models.schemas import Artifact, ModelDocument
from api.networks.schemas import NetworkDocument
from nas.events import CandidateEvent, EventSink, ignore

T = TypeVar("T")


class AsyncClient:
    """A connection to one service. Arguments and errors are those of `Client`."""

    def __init__(self, url: str, *, key: str | None = None, timeout_s: float = 60.0) -> None:
        headers = {"Authorization": f"Bearer {calls.key_or_environment(key)}"}
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=timeout_s)
        self._transport = AsyncTransport(self._http)

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
        """Queues the export of another architecture of a search than the delivered one."""
        return await self.submit(calls.export_spec(job_id, architecture_id, target))

    async def batch(
        self, *, data: Sequence[str], targets: Sequence[str], budgets: Sequence[float | str], **others: Any
    ) -> "AsyncJob":
        """Queues a search for every combination; `others` are further fields of a batch's spec."""
        return await self.submit(calls.batch_spec(data, targets, budgets, others))

    async def submit(
        self, spec: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, max_duration_s: float | None = None
    ) -> "AsyncJob":
        """Queues a job of any kind."""
        return AsyncJob(self, await self.run(calls.create_job(spec, labels, max_duration_s)))

    async def validate(self, spec: Mapping[str, Any]) -> Validation:
        """Estimates a job."""
        return await self.run(calls.validate(spec))

    async def validate_batch(
        self, *, data: Sequence[str], targets: Sequence[str], budgets: Sequence[float | str], **others: Any
    ) -> BatchValidation:
        """Counts the cells of a batch and estimates what they take; takes what `batch` does."""
        return await self.run(calls.validate_batch(calls.batch_spec(data, targets, budgets, others)))

    async def job(self, job_id: str) -> "AsyncJob":
        """A job by its id."""
        return AsyncJob(self, await self.run(calls.get_job(job_id)))

    async def jobs(self, **filters: Any) -> AsyncIterator["AsyncJob"]:
        """All jobs, newest first, page by page."""
        async for document in self._paged(lambda token: calls.list_jobs(token, filters)):
            yield AsyncJob(self, document)

    async def models(self, *, job_id: str | None = None) -> AsyncIterator["AsyncModel"]:
        """All models, newest first, or those of one job."""
        async for document in self._paged(lambda token: calls.list_models(job_id, token)):
            yield AsyncModel(self, document)

    def candidates(self, job_id: str) -> AsyncGenerator[CandidateEvent, None]:
        """The architectures that a search has evaluated, in their order."""
        return self._paged(lambda token: calls.list_candidates(job_id, token))

    async def fronts(self, job_id: str) -> Fronts:
        """The Pareto fronts of a search so far: of trained networks, and of the supernet's estimates."""
        return await self.run(calls.get_fronts(job_id))

    def datasets(self) -> AsyncGenerator[DatasetDocument, None]:
        """All data sets, newest first; `sha256` is that of the file which was uploaded."""
        return self._paged(calls.list_datasets)

    async def upload(self, path: Path | str, *, name: str | None = None) -> DatasetDocument:
        """Uploads an `.npz` or a `.zip` of class folders."""
        return await self.run(calls.upload(Path(path), name or "data set"))

    def networks(self) -> AsyncGenerator[NetworkDocument, None]:
        """All uploaded networks, newest first; `sha256` is that of the file which was uploaded."""
        return self._paged(calls.list_networks)

    async def upload_network(self, path: Path | str, *, name: str | None = None) -> NetworkDocument:
        """Uploads a trained network, an ONNX file, for a search to start from."""
        return await self.run(calls.upload_network(Path(path), name or "network"))

    def events(self, job_id: str, *, after: int = 0) -> AsyncGenerator[JobEvent, None]:
        """Events above a number until the job's last, as they happen; reconnects after a lost connection."""
        return exchange.follow(self._transport, job_id, after)

    async def download(self, artifact: Artifact, path: Path) -> None:
        """Downloads a file: resumes from what is there of it, and checks its hash.

        Raises:
            WrongContent: the hash is another; what was downloaded is removed.
        """
        await exchange.download(self._transport, artifact, path)

    async def run(self, call: Call[T]) -> T:
        """Sends a request, again where that does no harm."""
        return await exchange.request(self._transport, call)

    def _paged(self, page_call: Callable[[str | None], Call[Page[T]]]) -> AsyncGenerator[T, None]:
        return exchange.paged(self._transport, page_call)


class AsyncJob:
    """A job, as it was when it was last requested."""

    def __init__(self, client: AsyncClient, document: JobDocument) -> None:
        self._client = client
        self.document = document

    @property
    def id(self) -> str:
        """Its id."""
        return self.document.id

    @property
    def state(self) -> str:
        """Its state when it was last requested."""
        return self.document.state

    async def refresh(self) -> "AsyncJob":
        """Requests it again."""
        self.document = await self._client.run(calls.get_job(self.id))
        return self

    async def wait(self, *, progress: bool = False, on_event: EventSink = ignore) -> "AsyncJob":
        """Waits until the job has ended, however it ends; the arguments are those of `Job.wait`."""
        with calls.progress_bars(enabled=progress) as draw:
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
        """Cancels it."""
        return await self._control("cancel")

    async def pause(self) -> "AsyncJob":
        """Pauses it until it is resumed."""
        return await self._control("pause")

    async def resume(self, *, any_device: bool = False) -> "AsyncJob":
        """Queues it again; with `any_device` no longer bound to the devices of its first worker, only to those that its spec names."""
        return await self._control("resume", any_device=any_device)

    async def models(self) -> list["AsyncModel"]:
        """Its delivered models."""
        return [model async for model in self._client.models(job_id=self.id)]

    async def export(self, architecture_id: str, *, target: str | None = None) -> "AsyncJob":
        """Queues the export of another of its architectures than the delivered one."""
        return await self._client.export(self.id, architecture_id, target=target)

    async def files(self) -> tuple[Artifact, ...]:
        """Its files beside those of its models, such as the report of a batch."""
        return (await self._client.run(calls.list_job_artifacts(self.id))).items

    async def download(self, folder: Path | str) -> Path:
        """Downloads its files into a folder; those that are complete already are kept. Raises as `AsyncModel.download`."""
        return await _download(self._client, await self.files(), Path(folder))

    async def _control(self, action: str, **options: bool) -> "AsyncJob":
        self.document = await self._client.run(calls.control_job(self.id, action, **options))
        return self


class AsyncModel:
    """A delivered model."""

    def __init__(self, client: AsyncClient, document: ModelDocument) -> None:
        self._client = client
        self.document = document

    async def download(self, folder: Path | str) -> Path:
        """Downloads all of its files into a folder; files that are complete already are kept.

        Raises:
            WrongContent: a file is not what the service said.
        """
        return await _download(self._client, self.document.artifacts, Path(folder))


async def _download(client: AsyncClient, artifacts: Sequence[Artifact], folder: Path) -> Path:
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    for artifact in artifacts:
        path = path_of(artifact, folder)
        if not await asyncio.to_thread(is_complete, path, artifact):
            await client.download(artifact, path)
    return folder
