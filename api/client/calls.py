"""The requests of both clients, how their responses are read, and when they are repeated. No network here (`exchange.py`)."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from api.client.tolerant import tolerant
from api.datasets.schemas import DatasetDocument, DatasetPage
from api.errors import ApiError, NoAnswer, UnusableKey
from api.job_states import ENDED
from api.jobs.batch_answer import BatchValidation, JobArtifacts
from api.jobs.schemas import CandidatePage, Fronts, JobDocument, JobEvent, JobPage, Validation
from api.models.schemas import ModelDocument, ModelPage
from api.networks.schemas import NetworkDocument, NetworkPage
from nas.events import EventSink, ignore
from search_spaces.errors import HwnasError

T_co = TypeVar("T_co", covariant=True)
Item_co = TypeVar("Item_co", covariant=True)
Document = TypeVar("Document", bound=BaseModel)

KEY_VARIABLE: Final = "HWNAS_KEY"
MAX_RETRIES: Final = 5
"""How often a repeatable request is sent again while the service does not answer."""

_RETRIED_STATUSES: Final = (429, 502, 503, 504)
_HEADER_WORD: Final = re.compile(r"[!-~]+")
"""What a header takes as one word, which a key must be."""


class Page(Protocol[Item_co]):
    """One page of a list; `next_page_token` is None on the last."""

    @property
    def items(self) -> Sequence[Item_co]: ...  # noqa: D102

    @property
    def next_page_token(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True)
class Call(Generic[T_co]):
    """One request, and how its response is read.

    Attributes:
        body: to be sent as JSON.
        file: to be sent instead of a body.
    """

    method: str
    path: str
    read: Callable[[bytes], T_co]
    body: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.method in ("GET", "HEAD", "DELETE") or "Idempotency-Key" in self.headers or "/jobs/" in self.path


def reader(kind: type[Document]) -> Callable[[bytes], Document]:
    """Reads a document; fields that this client does not know are left out, values that it does not know kept."""

    def read(content: bytes) -> Document:
        found: Document = tolerant(kind).validate_json(content, extra="ignore")
        return found

    return read


def create_job(
    spec: Mapping[str, Any], labels: Mapping[str, str] | None, max_duration_s: float | None
) -> Call[JobDocument]:
    """Queues a job; safe to repeat."""
    body: dict[str, Any] = {"spec": dict(spec), "labels": dict(labels or {})}
    if max_duration_s is not None:
        body["max_duration_s"] = max_duration_s
    return Call("POST", "/v1/jobs", reader(JobDocument), body, headers={"Idempotency-Key": uuid4().hex})


def export_spec(job_id: str, architecture_id: str, target: str | None) -> dict[str, Any]:
    """The spec of an export."""
    spec = {"kind": "export", "job": job_id, "architecture_id": architecture_id}
    return spec if target is None else {**spec, "target": target}


def batch_spec(
    data: Sequence[str], targets: Sequence[str], budgets: Sequence[float | str], others: Mapping[str, Any]
) -> dict[str, Any]:
    """The spec of a batch."""
    return {"kind": "batch", "data": list(data), "targets": list(targets), "budgets": list(budgets), **others}


def list_job_artifacts(job_id: str) -> Call[JobArtifacts]:
    """The files of a job."""
    return Call("GET", f"/v1/jobs/{job_id}/artifacts", reader(JobArtifacts))


def validate(spec: Mapping[str, Any]) -> Call[Validation]:
    """Estimates a job that is no batch."""
    return Call("POST", "/v1/jobs", reader(Validation), {"spec": dict(spec)}, {"validate_only": "true"})


def validate_batch(spec: Mapping[str, Any]) -> Call[BatchValidation]:
    """Counts and prices a batch."""
    return Call("POST", "/v1/jobs", reader(BatchValidation), {"spec": dict(spec)}, {"validate_only": "true"})


def get_job(job_id: str) -> Call[JobDocument]:
    """A job."""
    return Call("GET", f"/v1/jobs/{job_id}", reader(JobDocument))


def list_jobs(token: str | None, filters: Mapping[str, Any]) -> Call[JobPage]:
    """A page of jobs."""
    return Call("GET", "/v1/jobs", reader(JobPage), params=_paged(filters, token))


def control_job(job_id: str, action: str, **options: bool) -> Call[JobDocument]:
    """Cancels, pauses or resumes a job."""
    params = {name: "true" for name, on in options.items() if on}
    return Call("POST", f"/v1/jobs/{job_id}/{action}", reader(JobDocument), params=params)


def list_candidates(job_id: str, token: str | None) -> Call[CandidatePage]:
    """A page of the candidates of a search, as large as the service allows."""
    params = _paged({"page_size": 1000}, token)
    return Call("GET", f"/v1/jobs/{job_id}/candidates", reader(CandidatePage), params=params)


def get_fronts(job_id: str) -> Call[Fronts]:
    """The fronts of a search so far."""
    return Call("GET", f"/v1/jobs/{job_id}/pareto-front", reader(Fronts))


def list_models(job_id: str | None, token: str | None) -> Call[ModelPage]:
    """A page of models."""
    return Call("GET", "/v1/models", reader(ModelPage), params=_paged({"job": job_id}, token))


def get_model(model_id: str) -> Call[ModelDocument]:
    """A model."""
    return Call("GET", f"/v1/models/{model_id}", reader(ModelDocument))


def list_datasets(token: str | None) -> Call[DatasetPage]:
    """A page of data sets."""
    return Call("GET", "/v1/datasets", reader(DatasetPage), params=_paged({}, token))


def list_networks(token: str | None) -> Call[NetworkPage]:
    """A page of uploaded networks."""
    return Call("GET", "/v1/networks", reader(NetworkPage), params=_paged({}, token))


def upload_network(path: Path, name: str) -> Call[NetworkDocument]:
    """Uploads a trained network; safe to repeat."""
    headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": uuid4().hex}
    return Call("POST", "/v1/networks", reader(NetworkDocument), params={"name": name}, headers=headers, file=path)


def upload(path: Path, name: str) -> Call[DatasetDocument]:
    """Uploads a data set; safe to repeat."""
    headers = {"Content-Type": "application/zip", "Idempotency-Key": uuid4().hex}
    return Call("POST", "/v1/datasets", reader(DatasetDocument), params={"name": name}, headers=headers, file=path)


def _paged(filters: Mapping[str, Any], token: str | None) -> dict[str, Any]:
    params = {**filters, "page_token": token}
    return {key: value for key, value in params.items() if value is not None}


def key_or_environment(key: str | None) -> str:
    """The key that was given, or that of the environment, without the white space around it.

    Raises:
        UnusableKey: there is none, or it cannot be sent. The error does not show it.
    """
    found = (key or os.environ.get(KEY_VARIABLE, "")).strip()
    if not found:
        raise UnusableKey("A service needs a key, and there is none.", fix=f"Set {KEY_VARIABLE} to it, or pass key=.")
    if not _HEADER_WORD.fullmatch(found):
        raise UnusableKey(
            "The key is not valid: it has white space inside, or characters other than ASCII.",
            fix=f"Copy the whole key, nas_..., into {KEY_VARIABLE}, or pass it as key=.",
        )
    return found


def ended(job: JobDocument) -> bool:
    """Whether nothing more happens to a job, also in a state that this client does not know."""
    return job.state in ENDED or job.finished_at is not None


def error_of(status: int, content: bytes) -> ApiError:
    """The error of a response without success."""
    try:
        return ApiError.from_problem({"status": status, **json.loads(content)})
    except (ValueError, TypeError):
        return ApiError.from_problem({"status": status, "detail": f"The server answered {status}."})


def pause_before(number: int, status: int | None, retry_after: str | None) -> float | None:
    """Seconds to wait before the retry after `number` others; None when there is no further retry."""
    if number >= MAX_RETRIES or (status is not None and status not in _RETRIED_STATUSES):
        return None
    if retry_after is not None and retry_after.isdigit():
        return min(30.0, float(retry_after))
    return 0.2 * float(2**number)


class Retries:
    """The retries of one operation: when it is repeated, and after what pause."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._number = 0

    def reset(self) -> None:
        """Some data arrived: the next failure counts as the first."""
        self._number = 0

    def after_no_answer(self, error: Exception) -> float:
        """Seconds to wait after the service could not be reached.

        Raises:
            NoAnswer: there is no further retry.
        """
        failure = NoAnswer(f"The service does not answer: {error}.", fix="Check its address, and whether it runs.")
        return self._pause(failure, None, None)

    def after_error(self, status: int, headers: Mapping[str, str], content: bytes) -> float:
        """Seconds to wait after a response without success.

        Raises:
            ApiError: there is no further retry, or a retry would not help.
        """
        return self._pause(error_of(status, content), status, headers.get("retry-after"))

    def _pause(self, failure: HwnasError, status: int | None, retry_after: str | None) -> float:
        pause = pause_before(self._number, status, retry_after) if self._enabled else None
        if pause is None:
            raise failure
        self._number += 1
        return pause


class EventStream:
    """An event stream over any number of connections, until the job's last event."""

    def __init__(self, job_id: str, after: int) -> None:
        self.path = f"/v1/jobs/{job_id}/events"
        self.ended = False
        self.retries = Retries()
        self._last = after

    @property
    def headers(self) -> dict[str, str]:
        """Of the next connection."""
        return {"Accept": "text/event-stream", "Last-Event-ID": str(self._last)}

    def parse(self, line: str) -> JobEvent | None:
        """The event of a line, if there is one; an event of a type that this client does not know is skipped."""
        if not line.startswith("data: "):
            return None
        try:
            found: JobEvent = tolerant(JobEvent).validate_json(line.removeprefix("data: "), extra="ignore")
        except ValidationError:
            return None  # no event of the job, such as `reconnect`
        self._last = found.seq
        self.retries.reset()
        if not isinstance(found.event, BaseModel):
            return None
        self.ended = found.event.type == "end"
        return found


@contextmanager
def progress_bars(*, enabled: bool) -> Iterator[EventSink]:
    """A sink of events that draws a bar of each stage on standard error, or ignores them."""
    if not enabled:
        yield ignore
        return
    from nas.cli.progress import watch

    with watch(quiet=False) as draw:
        yield draw
