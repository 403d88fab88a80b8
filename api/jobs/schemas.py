"""Jobs on the wire: what a client sends and receives. The specs of jobs are in `specs.py`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field

from api.ids import id_pattern
from api.job_states import State
from api.jobs.batch_answer import BatchAnswer
from api.jobs.specs import SEARCH, Kind, WireSpec
from api.models.schemas import DeliveredModel
from api.problem_document import Problem
from api.wire import WireModel, examples
from latency_models.accuracy_report import AccuracyReport
from nas.events import CandidateEvent, Event, FrontEvent, FrontPoint, LogEvent, Phase
from nas.result import CommonOutcome, ExportFigures
from nas.spec import MetricName

MAX_LABELS: Final = 32

LogLevel = Literal["info", "warning", "error"]
LEVELS: Final[tuple[LogLevel, ...]] = get_args(LogLevel)
"""From the least to the most severe."""

JOB: Final = "job_01jd3z6g4m8x2c5v7b9n1q3r5t"
_AT: Final = "2026-01-31T12:00:00Z"

LabelKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.\-]{0,62}$")]
LabelValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9 ._\-/]{0,100}$")]


class JobCreate(WireModel):
    """A job to be queued."""

    model_config = examples({"spec": SEARCH, "labels": {"project": "digits"}, "max_duration_s": 3600.0})

    spec: WireSpec
    labels: dict[LabelKey, LabelValue] = Field(
        default_factory=dict,
        max_length=MAX_LABELS,
        description="for people and for filters",
        json_schema_extra={"additionalProperties": False},
    )
    max_duration_s: float | None = Field(
        default=None,
        strict=True,
        gt=0,
        le=30 * 86_400,
        description="longest runtime of the job, after which it fails; at most that of the server (a week)",
    )


class JobPatch(WireModel):
    """What can be changed of a job."""

    model_config = examples({"labels": {"project": "digits", "old": None}})

    labels: dict[LabelKey, LabelValue | None] = Field(
        max_length=2 * MAX_LABELS,
        description="to be set; null removes one; others stay",
        json_schema_extra={"additionalProperties": False},
    )


class Progress(WireModel):
    """How far the running phase is."""

    done: float
    total: float
    unit: str
    eta_s: float | None = None


class SearchAnswer(WireModel):
    """What a search found."""

    metric: MetricName = Field(default="accuracy", description="what networks were compared by")
    front: tuple[FrontPoint, ...] = Field(
        description="Pareto front of the first target, fastest first: networks that were trained, quantised and evaluated"
    )
    fronts: dict[str, tuple[FrontPoint, ...]] = Field(description="Pareto front of each target")
    estimates: dict[str, tuple[FrontPoint, ...]] = Field(
        default_factory=dict, description="fronts of what the supernet said of its networks; empty where there was none"
    )
    models: dict[str, DeliveredModel] = Field(description="the delivered model of each target")
    common: CommonOutcome | None = Field(
        default=None,
        description="one network for all targets, which an export delivers without further training; null for a single target, "
        "and where none was found that keeps every budget",
    )
    seconds: dict[str, float] = Field(description="per stage; 0.0 where it was found in the store")
    warnings: tuple[str, ...] = ()


class ProfilingAnswer(WireModel):
    """A latency table and how far to trust it."""

    target: str
    device: str
    runtime: str
    fingerprint: str = Field(description="of the device, the runtime and what else a table depends on")
    precision: str = "int8"
    batch: int = Field(default=1, description="images of a run; latencies are of the whole batch")
    space: str
    resolution: int
    accuracy_report: AccuracyReport = Field(
        description="predictions against measurements of networks that were not fitted"
    )
    keys: int = Field(description="layer keys in the table")
    architectures: str
    reachable_ms: tuple[float, float]
    table_sha256: str
    seconds: float
    warnings: tuple[str, ...] = ()


class SupernetAnswer(WireModel):
    """A trained supernet. Searches with the same data, space, targets, effort, seed and threads find it."""

    space: str
    resolution: int
    supernet_sha256: str
    seconds: float
    warnings: tuple[str, ...] = ()


class ExportAnswer(ExportFigures):
    """The model of the selected architecture."""

    model: DeliveredModel


Answer = SearchAnswer | ProfilingAnswer | SupernetAnswer | ExportAnswer | BatchAnswer


class WaitingFor(WireModel):
    """Why a queued job does not start now, besides waiting for its turn."""

    detail: str = Field(description="in words")
    target: str | None = Field(default=None, description="which no running worker can measure as the job needs it")
    device: str | None = Field(default=None, description="fingerprint of the device of it that the job is bound to")


class Attempt(WireModel):
    """One attempt of a worker at a job."""

    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None = Field(
        description="`lost`, `handed_back`, or the state of the job after it; null while it runs"
    )


_JOB: Final[dict[str, Any]] = {
    "id": JOB, "kind": "search", "state": "queued", "phase": None, "progress": None, "attempt": 0, "max_attempts": 3,
    "attempts": [], "spec": SEARCH, "labels": {"project": "digits"}, "max_duration_s": 3600.0,
    "waiting_for": {"detail": "No worker that can measure cpu is running.", "target": "cpu", "device": None},
    "pause_requested_at": None, "result": None, "error": None, "last_event": 1, "created_at": _AT, "started_at": None,
    "finished_at": None, "active_s": 0.0,
}  # fmt: skip


class JobDocument(WireModel):
    """A job. `state` is changed by the service alone; clients must accept states that they do not know."""

    model_config = examples(_JOB)

    id: str = Field(pattern=id_pattern("job"))
    kind: Kind
    state: State
    phase: Phase | None = Field(description="stage of the work, while or after it runs")
    progress: Progress | None = Field(description="of the phase")
    attempt: int = Field(description="1 in the first run; a job whose worker was lost is tried again")
    max_attempts: int
    attempts: tuple[Attempt, ...] | None = Field(default=None, description="all of them; not in lists")
    spec: WireSpec
    labels: dict[str, str]
    max_duration_s: float = Field(description="longest runtime of the job, after which it fails")
    waiting_for: WaitingFor | None = Field(
        default=None, description="a worker, when no running one can take it; null when it only waits for its turn"
    )
    pause_requested_at: datetime | None = Field(description="when a pause of a running job was requested")
    result: Answer | None = Field(description="when `succeeded`")
    error: Problem | None = Field(description="when `failed`")
    last_event: int = Field(description="number of the job's last event")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    active_s: float = Field(
        default=0.0, description="runtime so far, over all attempts; not part of the job's version (`ETag`)"
    )


class JobPage(WireModel):
    """Some jobs, in the requested order."""

    model_config = examples({"items": [_JOB], "next_page_token": None})

    items: tuple[JobDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")


class Validation(WireModel):
    """The estimate of a job: the answer to `validate_only`."""

    model_config = examples(
        {
            "spec": SEARCH, "architectures": "8503056000", "reachable_ms": {"cpu": [0.04, 0.31]},
            "seconds": {"profiling": 20.0, "training": 60.0}, "memory_bytes": 900_000_000, "resolution": 8, "supernet": True,
            "note": "A supernet is trained and 100 of its networks are evaluated.", "warnings": [],
        }
    )  # fmt: skip

    spec: WireSpec = Field(description="with every default filled in")
    architectures: str = Field(description="how many the space has; a string, since it may exceed 2^53")
    reachable_ms: dict[str, tuple[float, float]] = Field(
        description="of each target whose latency table is stored: the fastest and the slowest network, predicted"
    )
    seconds: dict[str, float] = Field(description="estimated, by stage; 0.0 where it is stored")
    memory_bytes: int | None = Field(description="estimated peak; null where it is not estimated")
    resolution: int | None = Field(default=None, description="input resolution in pixels")
    supernet: bool | None = Field(
        default=None, description="whether a supernet is trained; null where the job trains nothing"
    )
    note: str = Field(default="", description="how the time is divided, for people")
    warnings: tuple[str, ...] = ()


class JobEvent(WireModel):
    """One thing that happened during a job."""

    seq: int = Field(description="1, 2, 3, ... within the job, without gaps")
    at: datetime
    event: Event


class EventPage(WireModel):
    """Events in their order."""

    model_config = examples(
        {
            "items": [{"seq": 1, "at": _AT, "event": {"type": "state", "state": "queued"}}],
            "next_after": 1,
            "ended": False,
        }
    )

    items: tuple[JobEvent, ...]
    next_after: int = Field(description="ask with `after` set to this for what follows")
    ended: bool = Field(description="whether the last item is the job's last event")


class CandidatePage(WireModel):
    """Evaluated architectures, in the order of evaluation."""

    model_config = examples({"items": [], "next_page_token": None})

    items: tuple[CandidateEvent, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last that there is yet")


class Fronts(WireModel):
    """The Pareto fronts of each target so far."""

    model_config = examples(
        {
            "items": [
                {"type": "front", "of": "trained", "target": "cpu", "budget_ms": 0.2, "evaluations": 4, "points": []}
            ],
            "estimates": [{"type": "front", "target": "cpu", "budget_ms": 0.2, "evaluations": 10, "points": []}],
        }
    )

    items: tuple[FrontEvent, ...] = Field(
        description="of networks that were trained, quantised and evaluated; while a target has none, that of its candidates"
    )
    estimates: tuple[FrontEvent, ...] = Field(
        default=(), description="of candidates: what the supernet said of its networks; empty without a supernet"
    )


class LogLine(WireModel):
    """A line for people."""

    seq: int = Field(description="number of its event")
    at: datetime
    level: LogLevel
    message: str

    @staticmethod
    def of(seq: int, at: datetime, event: LogEvent) -> "LogLine":
        """The line of an event."""
        return LogLine(seq=seq, at=at, level=event.level, message=event.message)


class LogPage(WireModel):
    """Lines of a job's log, in their order."""

    model_config = examples({"items": [], "next_page_token": None})

    items: tuple[LogLine, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last that there is yet")


class Checkpoint(WireModel):
    """What a resumed job starts from: a stage whose result is stored, or the checkpoint of an unfinished training."""

    kind: Literal["stage", "checkpoint"] = Field(
        default="stage", description="stage: finished; checkpoint: the newest state of a stage that is not"
    )
    phase: Phase
    target: str | None
    at: datetime
    reused: bool = Field(
        description="of a stage: whether it was stored before the job; of a checkpoint: whether the training was resumed from it"
    )
    seconds: float | None = Field(description="how long the stage took; null of a checkpoint")
    step: int | None = Field(default=None, description="of a checkpoint: steps done")
    total: int | None = Field(default=None, description="of a checkpoint: steps of the whole training")


class Checkpoints(WireModel):
    """The stored stages and checkpoints of a job."""

    model_config = examples(
        {
            "items": [
                {"kind": "stage", "phase": "profiling", "target": "cpu", "at": _AT, "reused": False, "seconds": 20.5},
                {
                    "kind": "checkpoint",
                    "phase": "training",
                    "target": None,
                    "at": _AT,
                    "reused": False,
                    "seconds": None,
                    "step": 120,
                    "total": 600,
                },
            ]
        }
    )

    items: tuple[Checkpoint, ...] = Field(description="finished stages in their order, then what is unfinished")


def merged(labels: Mapping[str, str], patch: Mapping[str, str | None]) -> dict[str, str]:
    """Labels with a change to them; null removes one."""
    return {key: value for key, value in {**labels, **patch}.items() if value is not None}
