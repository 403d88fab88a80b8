"""The client for ordinary code. `aio.py` has the one for coroutines; what they share is in `calls.py` and `files.py`."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
        """Queues the finishing of another architecture of a search than the one it delivered; raises as `submit`."""
        return self.submit(calls.export_spec(job_id, architecture_id, target))

    def submit(
        self, spec: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, max_duration_s: float | None = None
    ) -> "Job":
        """Queues a job of any kind.

        Raises:
            ApiError: the service refuses it.
            NoAnswer: it cannot be reached.
        """
        return Job(self, self.run(calls.create_job(spec, labels, max_duration_s)))

    def validate(self, spec: Mapping[str, Any]) -> Validation:
        """What a job would take; raises as `submit`."""
        return self.run(calls.validate(spec))

    def job(self, job_id: str) -> "Job":
        """A job by its id."""
        return Job(self, self.run(calls.get_job(job_id)))

    def jobs(self, **filters: Any) -> Iterator["Job"]:
        """All jobs, newest first, page by page; `filters` are those of `GET /v1/jobs`."""
        return (
            Job(self, document) for document in self._items(lambda token: self.run(calls.list_jobs(token, filters)))
        )

    def models(self, *, job_id: str | None = None) -> Iterator["Model"]:
        """All models, newest first, or those of one job."""
        return (
            Model(self, document) for document in self._items(lambda token: self.run(calls.list_models(job_id, token)))
        )

    def candidates(self, job_id: str) -> Iterator[CandidateEvent]:
        """The architectures that a search has evaluated, in their order."""
        return self._items(lambda token: self.run(calls.list_candidates(job_id, token)))

    def fronts(self, job_id: str) -> Fronts:
        """The Pareto fronts of a search by now: of finished networks, and what the supernet said of its own."""
        return self.run(calls.get_fronts(job_id))

    def datasets(self) -> Iterator[DatasetDocument]:
        """All data sets, newest first, page by page; `sha256` is that of the file which was uploaded."""
        return self._items(lambda token: self.run(calls.list_datasets(token)))

    def _items(self, page_of: Callable[[str | None], Page[T]]) -> Iterator[T]:
        """All items of a list whose pages are asked for by their tokens, each when it is needed."""
        token: str | None = None
        while True:
            page = page_of(token)
            yield from page.items
            token = page.next_page_token
            if token is None:
                return

    def upload(self, path: Path | str, *, name: str | None = None) -> DatasetDocument:
        """Uploads an `.npz` or a `.zip` of class folders; raises as `submit`."""
        return self.run(calls.upload(Path(path), name or "data set"))

    def events(self, job_id: str, *, after: int = 0) -> Iterator[JobEvent]:
        """Events above a number until the job's last, as they happen; a lost connection is taken up again."""
        follow = Following(job_id, after)
        while not follow.ended:
            pause = 0.0
            try:
                with self._http.stream("GET", follow.path, headers=follow.headers) as stream:
                    if stream.status_code == 204:
                        return
                    if stream.status_code != 200:
                        pause = follow.tries.refused(stream.status_code, stream.headers, stream.read())
                    for line in stream.iter_lines() if stream.status_code == 200 else ():
                        event = follow.take(line)
                        if event is not None:
                            yield event
                        if follow.ended:
                            return
            except httpx2.TransportError as error:
                pause = follow.tries.silence(error)
            time.sleep(pause)

    def download(self, artifact: Artifact, path: Path) -> None:
        """Downloads a file: goes on from what is there of it, and checks its hash.

        Raises:
            WrongContent: the hash is another; what was downloaded is removed.
        """
        download = Download(artifact, path)
        while (headers := download.missing()) is not None:
            pause = 0.0
            try:
                with self._http.stream("GET", download.url, headers=headers) as stream:
                    if stream.status_code not in (200, 206):
                        pause = download.tries.refused(stream.status_code, stream.headers, stream.read())
                    else:
                        download.begin(stream.status_code)
                        for piece in stream.iter_bytes():
                            download.take(piece)
            except httpx2.TransportError as error:
                pause = download.tries.silence(error)
            time.sleep(pause)
        download.finish()

    def run(self, call: Call[T]) -> T:
        """Sends a request, again where that does no harm.

        Raises:
            ApiError, NoAnswer: as `submit`.
        """
        tries = Tries(again=call.repeatable)
        while True:
            try:
                answer = self._http.request(
                    call.method,
                    call.path,
                    json=call.body,
                    content=None if call.file is None else pieces(call.file),
                    params=dict(call.params),
                    headers=dict(call.headers),
                    timeout=self._http.timeout if call.file is None else None,
                )
                if answer.is_success:
                    return call.read(answer.content)
                pause = tries.refused(answer.status_code, answer.headers, answer.content)
            except httpx2.TransportError as error:
                pause = tries.silence(error)
            time.sleep(pause)


class Job:
    """A job, as it was when it was last asked for."""

    def __init__(self, client: Client, document: JobDocument) -> None:
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

    def refresh(self) -> "Job":
        """Asks for it again."""
        self.document = self._client.run(calls.get_job(self.id))
        return self

    def wait(self, *, progress: bool = False, on_event: EventSink = ignore) -> "Job":
        """Waits until the job has ended, however it ends.

        Args:
            progress: draw a bar of each stage on standard error.
            on_event: told of every event.
        """
        with calls.drawing(shown=progress) as draw:
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
        """Asks it to stop for good."""
        return self._ask("cancel")

    def pause(self) -> "Job":
        """Asks it to stop until it is resumed."""
        return self._ask("pause")

    def resume(self, *, any_device: bool = False) -> "Job":
        """Queues it again; with `any_device` no more bound to the devices of its first worker, only to those that its spec names."""
        return self._ask("resume", any_device=any_device)

    def export(self, architecture_id: str, *, target: str | None = None) -> "Job":
        """Queues the finishing of another of its architectures than the one it delivered."""
        return self._client.export(self.id, architecture_id, target=target)

    def models(self) -> list["Model"]:
        """What it delivered."""
        return list(self._client.models(job_id=self.id))

    def _ask(self, what: str, **how: bool) -> "Job":
        self.document = self._client.run(calls.ask_job(self.id, what, **how))
        return self


class Model:
    """A delivered model."""

    def __init__(self, client: Client, document: ModelDocument) -> None:
        self._client = client
        self.document = document

    def download(self, folder: Path | str) -> Path:
        """Downloads all of its files into a folder; files that are there and whole are kept.

        Raises:
            WrongContent: a file is not what the service said.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for artifact in self.document.artifacts:
            path = place_of(artifact, place)
            if not whole(path, artifact):
                self._client.download(artifact, path)
        return place
