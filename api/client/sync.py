"""The client for ordinary code. `aio.py` has the one for coroutines; what they share is in `exchange.py`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from api.client import calls, exchange
from api.client.calls import Call, Page
from api.client.files import is_complete, path_of
from api.client.transport import SyncTransport, completed, iterated
from api.datasets.schemas import DatasetDocument
from api.jobs.batch_answer import BatchValidation
from api.jobs.schemas import Fronts, JobDocument, JobEvent, Validation
from api.models.schemas import Artifact, ModelDocument
from api.networks.schemas import NetworkDocument
from nas.events import CandidateEvent, EventSink, ignore

T = TypeVar("T")


class Client:
    """A connection to one service; safe to share between threads.

    Args:
        url: of the service.
        key: its secret; `HWNAS_KEY` of the environment when absent. White space around it does not count.
        timeout_s: the longest silence of the service.

    Raises:
        UnusableKey: there is no key, or it cannot be one.
    """

    def __init__(self, url: str, *, key: str | None = None, timeout_s: float = 60.0) -> None:
        headers = {"Authorization": f"Bearer {calls.key_or_environment(key)}"}
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=timeout_s)
        self._transport = SyncTransport(self._http)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    @property
    def url(self) -> str:
        """The service's address."""
        return str(self._http.base_url).rstrip("/")

    def search(self, *, data: str, targets: Sequence[Mapping[str, Any]], **others: Any) -> "Job":
        """Queues a search; `others` are further fields of its spec."""
        return self.submit({"kind": "search", "data": data, "targets": [dict(t) for t in targets], **others})

    def export(self, job_id: str, architecture_id: str, *, target: str | None = None) -> "Job":
        """Queues the export of another architecture of a search than the delivered one; raises as `submit`."""
        return self.submit(calls.export_spec(job_id, architecture_id, target))

    def batch(
        self, *, data: Sequence[str], targets: Sequence[str], budgets: Sequence[float | str], **others: Any
    ) -> "Job":
        """Queues a search for every combination; `others` are further fields of a batch's spec. Raises as `submit`."""
        return self.submit(calls.batch_spec(data, targets, budgets, others))

    def submit(
        self, spec: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, max_duration_s: float | None = None
    ) -> "Job":
        """Queues a job of any kind.

        Raises:
            ApiError: the service rejects it.
            NoAnswer: it cannot be reached.
        """
        return Job(self, self.run(calls.create_job(spec, labels, max_duration_s)))

    def validate(self, spec: Mapping[str, Any]) -> Validation:
        """Estimates a job; raises as `submit`."""
        return self.run(calls.validate(spec))

    def validate_batch(
        self, *, data: Sequence[str], targets: Sequence[str], budgets: Sequence[float | str], **others: Any
    ) -> BatchValidation:
        """Counts the cells of a batch and estimates what they take; takes what `batch` does."""
        return self.run(calls.validate_batch(calls.batch_spec(data, targets, budgets, others)))

    def job(self, job_id: str) -> "Job":
        """A job by its id."""
        return Job(self, self.run(calls.get_job(job_id)))

    def jobs(self, **filters: Any) -> Iterator["Job"]:
        """All jobs, newest first, page by page; `filters` are those of `GET /v1/jobs`."""
        documents = self._paged(lambda token: calls.list_jobs(token, filters))
        return (Job(self, document) for document in documents)

    def models(self, *, job_id: str | None = None) -> Iterator["Model"]:
        """All models, newest first, or those of one job."""
        documents = self._paged(lambda token: calls.list_models(job_id, token))
        return (Model(self, document) for document in documents)

    def candidates(self, job_id: str) -> Iterator[CandidateEvent]:
        """The architectures that a search has evaluated, in their order."""
        return self._paged(lambda token: calls.list_candidates(job_id, token))

    def fronts(self, job_id: str) -> Fronts:
        """The Pareto fronts of a search so far: of trained networks, and of the supernet's estimates."""
        return self.run(calls.get_fronts(job_id))

    def datasets(self) -> Iterator[DatasetDocument]:
        """All data sets, newest first, page by page; `sha256` is that of the file which was uploaded."""
        return self._paged(calls.list_datasets)

    def upload(self, path: Path | str, *, name: str | None = None) -> DatasetDocument:
        """Uploads an `.npz` or a `.zip` of class folders; raises as `submit`."""
        return self.run(calls.upload(Path(path), name or "data set"))

    def networks(self) -> Iterator[NetworkDocument]:
        """All uploaded networks, newest first, page by page; `sha256` is that of the file which was uploaded."""
        return self._paged(calls.list_networks)

    def upload_network(self, path: Path | str, *, name: str | None = None) -> NetworkDocument:
        """Uploads a trained network, an ONNX file, for a search to start from; raises as `submit`."""
        return self.run(calls.upload_network(Path(path), name or "network"))

    def events(self, job_id: str, *, after: int = 0) -> Iterator[JobEvent]:
        """Events above a number until the job's last, as they happen; reconnects after a lost connection."""
        return iterated(exchange.follow(self._transport, job_id, after))

    def download(self, artifact: Artifact, path: Path) -> None:
        """Downloads a file: resumes from what is there of it, and checks its hash.

        Raises:
            WrongContent: the hash is another; what was downloaded is removed.
        """
        completed(exchange.download(self._transport, artifact, path))

    def run(self, call: Call[T]) -> T:
        """Sends a request, again where that does no harm.

        Raises:
            ApiError, NoAnswer: as `submit`.
        """
        return completed(exchange.request(self._transport, call))

    def _paged(self, page_call: Callable[[str | None], Call[Page[T]]]) -> Iterator[T]:
        return iterated(exchange.paged(self._transport, page_call))


class Job:
    """A job, as it was when it was last requested."""

    def __init__(self, client: Client, document: JobDocument) -> None:
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

    def refresh(self) -> "Job":
        """Requests it again."""
        self.document = self._client.run(calls.get_job(self.id))
        return self

    def wait(self, *, progress: bool = False, on_event: EventSink = ignore) -> "Job":
        """Waits until the job has ended, however it ends.

        Args:
            progress: draw a bar of each stage on standard error.
            on_event: called with every event.
        """
        with calls.progress_bars(enabled=progress) as draw:
            if not calls.ended(self.document):
                for event in self.events():  # to the last: nothing follows it, whatever the state is called
                    draw(event.event)
                    on_event(event.event)
                self.refresh()
        return self

    def events(self, *, after: int = 0) -> Iterator[JobEvent]:
        """Its events until its last, as they happen."""
        return self._client.events(self.id, after=after)

    def cancel(self) -> "Job":
        """Cancels it."""
        return self._control("cancel")

    def pause(self) -> "Job":
        """Pauses it until it is resumed."""
        return self._control("pause")

    def resume(self, *, any_device: bool = False) -> "Job":
        """Queues it again; with `any_device` no longer bound to the devices of its first worker, only to those that its spec names."""
        return self._control("resume", any_device=any_device)

    def export(self, architecture_id: str, *, target: str | None = None) -> "Job":
        """Queues the export of another of its architectures than the delivered one."""
        return self._client.export(self.id, architecture_id, target=target)

    def models(self) -> list["Model"]:
        """Its delivered models."""
        return list(self._client.models(job_id=self.id))

    def files(self) -> tuple[Artifact, ...]:
        """Its files beside those of its models, such as the report of a batch."""
        return self._client.run(calls.list_job_artifacts(self.id)).items

    def download(self, folder: Path | str) -> Path:
        """Downloads its files into a folder; those that are complete already are kept. Raises as `Model.download`."""
        return _download(self._client, self.files(), Path(folder))

    def _control(self, action: str, **options: bool) -> "Job":
        self.document = self._client.run(calls.control_job(self.id, action, **options))
        return self


class Model:
    """A delivered model."""

    def __init__(self, client: Client, document: ModelDocument) -> None:
        self._client = client
        self.document = document

    def download(self, folder: Path | str) -> Path:
        """Downloads all of its files into a folder; files that are complete already are kept.

        Raises:
            WrongContent: a file is not what the service said.
        """
        return _download(self._client, self.document.artifacts, Path(folder))


def _download(client: Client, artifacts: Sequence[Artifact], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for artifact in artifacts:
        path = path_of(artifact, folder)
        if not is_complete(path, artifact):
            client.download(artifact, path)
    return folder
