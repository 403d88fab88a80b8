"""What both clients ask for and how they read the answers. No network here: `sync.py` and `aio.py` send."""

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
from api.jobs.schemas import CandidatePage, Fronts, JobDocument, JobEvent, JobPage, Validation
from api.models.schemas import ModelDocument, ModelPage
from nas.events import EventSink, ignore
from search_spaces.errors import HwnasError

T = TypeVar("T")
Item_co = TypeVar("Item_co", covariant=True)
Document = TypeVar("Document", bound=BaseModel)

KEY_VARIABLE: Final = "HWNAS_KEY"
TRIES: Final = 5
"""How often a request that can be repeated is sent while the server does not answer."""

_REPEATED: Final = (429, 502, 503, 504)
_SENDABLE: Final = re.compile(r"[!-~]+")
"""What a header takes as one word; a key is one."""


class Page(Protocol[Item_co]):
    """One page of a list; `next_page_token` is None on the last."""

    @property
    def items(self) -> Sequence[Item_co]: ...  # noqa: D102

    @property
    def next_page_token(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and how its answer is read.

    Attributes:
        body: to be sent as JSON.
        file: to be sent as it is, in the place of a body.
    """

    method: str
    path: str
    read: Callable[[bytes], T]
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


def validate(spec: Mapping[str, Any]) -> Call[Validation]:
    """What a job would take."""
    return Call("POST", "/v1/jobs", reader(Validation), {"spec": dict(spec)}, {"validate_only": "true"})


def get_job(job_id: str) -> Call[JobDocument]:
    """A job."""
    return Call("GET", f"/v1/jobs/{job_id}", reader(JobDocument))


def list_jobs(token: str | None, filters: Mapping[str, Any]) -> Call[JobPage]:
    """A page of jobs."""
    return Call("GET", "/v1/jobs", reader(JobPage), params=_paged(filters, token))


def ask_job(job_id: str, what: str, **how: bool) -> Call[JobDocument]:
    """Cancels, pauses or resumes a job."""
    params = {name: "true" for name, on in how.items() if on}
    return Call("POST", f"/v1/jobs/{job_id}/{what}", reader(JobDocument), params=params)


def list_candidates(job_id: str, token: str | None) -> Call[CandidatePage]:
    """A page of what a search evaluated, as large as the service gives them."""
    params = _paged({"page_size": 1000}, token)
    return Call("GET", f"/v1/jobs/{job_id}/candidates", reader(CandidatePage), params=params)


def get_fronts(job_id: str) -> Call[Fronts]:
    """The fronts of a search by now."""
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


def upload(path: Path, name: str) -> Call[DatasetDocument]:
    """Uploads a data set; safe to repeat."""
    headers = {"Content-Type": "application/zip", "Idempotency-Key": uuid4().hex}
    return Call("POST", "/v1/datasets", reader(DatasetDocument), params={"name": name}, headers=headers, file=path)


def _paged(filters: Mapping[str, Any], token: str | None) -> dict[str, Any]:
    chosen = {**filters, "page_token": token}
    return {key: value for key, value in chosen.items() if value is not None}


def key_or_environment(key: str | None) -> str:
    """The key that was given, or that of the environment, without the white space around it.

    Raises:
        UnusableKey: there is none, or it cannot be sent. The error does not show it.
    """
    found = (key or os.environ.get(KEY_VARIABLE, "")).strip()
    if not found:
        raise UnusableKey("A service needs a key, and there is none.", fix=f"Set {KEY_VARIABLE} to it, or pass key=.")
    if not _SENDABLE.fullmatch(found):
        raise UnusableKey(
            "What stands for the key cannot be one: it has white space inside, or characters other than ASCII.",
            fix=f"Copy the whole key, nas_..., into {KEY_VARIABLE}, or pass it as key=.",
        )
    return found


def ended(job: JobDocument) -> bool:
    """Whether nothing more happens to a job, also in a state that this client does not know."""
    return job.state in ENDED or job.finished_at is not None


def refusal(status: int, content: bytes) -> ApiError:
    """The error of an answer that is none."""
    try:
        return ApiError.of({"status": status, **json.loads(content)})
    except (ValueError, TypeError):
        return ApiError.of({"status": status, "detail": f"The server answered {status}."})


def pause_before(number: int, status: int | None, retry_after: str | None) -> float | None:
    """Seconds to wait before trying again for the `number`-th time; None when it is not tried again."""
    if number >= TRIES or (status is not None and status not in _REPEATED):
        return None
    if retry_after is not None and retry_after.isdigit():
        return min(30.0, float(retry_after))
    return 0.2 * float(2**number)


class Tries:
    """How often in a row something was tried that goes on when it is tried again."""

    def __init__(self, *, again: bool = True) -> None:
        self._again = again
        self._number = 0

    def went_on(self) -> None:
        """Something came: what fails next fails for the first time."""
        self._number = 0

    def silence(self, error: Exception) -> float:
        """Seconds to wait after the service could not be reached.

        Raises:
            NoAnswer: it was tried often enough.
        """
        wrong = NoAnswer(f"The service does not answer: {error}.", fix="Check its address, and whether it runs.")
        return self._pause(wrong, None, None)

    def refused(self, status: int, headers: Mapping[str, str], content: bytes) -> float:
        """Seconds to wait after an answer that is none.

        Raises:
            ApiError: it would be the same again, or was tried often enough.
        """
        return self._pause(refusal(status, content), status, headers.get("retry-after"))

    def _pause(self, wrong: HwnasError, status: int | None, retry_after: str | None) -> float:
        pause = pause_before(self._number, status, retry_after) if self._again else None
        if pause is None:
            raise wrong
        self._number += 1
        return pause


class Following:
    """The way of an event stream over any number of connections, until the job's last event."""

    def __init__(self, job_id: str, after: int) -> None:
        self.path = f"/v1/jobs/{job_id}/events"
        self.ended = False
        self.tries = Tries()
        self._last = after

    @property
    def headers(self) -> dict[str, str]:
        """Of the next connection."""
        return {"Accept": "text/event-stream", "Last-Event-ID": str(self._last)}

    def take(self, line: str) -> JobEvent | None:
        """The event that a line holds, if it does; one of a type that this client does not know is passed over."""
        if not line.startswith("data: "):
            return None
        try:
            found: JobEvent = tolerant(JobEvent).validate_json(line.removeprefix("data: "), extra="ignore")
        except ValidationError:
            return None  # no event of the job, such as `reconnect`
        self._last = found.seq
        self.tries.went_on()
        if not isinstance(found.event, BaseModel):
            return None
        self.ended = found.event.type == "end"
        return found


@contextmanager
def drawing(*, shown: bool) -> Iterator[EventSink]:
    """What draws a bar of each stage on standard error, or nothing."""
    if not shown:
        yield ignore
        return
    from nas.cli.progress import watch

    with watch(quiet=False) as draw:
        yield draw
