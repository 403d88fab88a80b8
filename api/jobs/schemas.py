"""Jobs on the wire. The wire spec names data sets, targets and spaces by id, or declares a space; never a path or code."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    field_validator,
)

from api.ids import ID_BODY, id_pattern
from api.jobs.states import State
from api.problem_document import Problem
from nas.events import Event, FrontPoint, Phase
from nas.result import AccuracyOutcome, BudgetOutcome, LatencyOutcome, RemovedValue, SizeOutcome
from nas.spec import Effort, Latency

MAX_SPACE_VALUES: Final = 2000
"""How many values an inline space may hold."""

_FILE_LIKE: Final = re.compile(r"[/\\\x00-\x1f\x7f]|\.(py|ya?ml|json|npz|pkl|onnx)|\.\.", re.IGNORECASE)


def no_path(text: str) -> str:
    """Refuses what looks like a path or a file: those belong to the command line."""
    if _FILE_LIKE.search(text):
        raise ValueError(f"{text[:80]!r} looks like a path or a file, which the service never takes; give an id")
    return text


class Wire(BaseModel):
    """Base of all bodies: unknown fields are refused, and so are NaN and Infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a latency is a number or a text, not true or false")
    return value


WireLatency = Annotated[
    Latency,
    BeforeValidator(_no_flag),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1_000_000},
                {"type": "string", "pattern": r"^(100|[1-9]?[0-9](\.[0-9]+)?)%$"},
            ]
        }
    ),
]
"""The engine's `Latency`; its schema shows the usual forms."""


class WireTarget(Wire):
    """One target with its latency budget."""

    target: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            pattern=r"^[a-z][a-z0-9_.\-]*(:[A-Za-z0-9_.,=\-]+)?$",
            description="id of a target with its options, such as `cpu` or `cpu:threads=2`",
        ),
        AfterValidator(no_path),
    ]
    latency_ms: WireLatency = Field(
        description="milliseconds at batch 1 in INT8, or a point of the reachable range (`40%`)"
    )


KnownSpaceName = Annotated[
    str,
    Field(max_length=200, pattern=r"^[a-z][a-z0-9_]*(:[A-Za-z0-9_,=]+)?$"),
    AfterValidator(no_path),
]


class SearchWireSpec(Wire):
    """A search: the most accurate INT8 network within a latency budget on each target."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "search",
                    "data": "digits",
                    "space": "mobilenet",
                    "targets": [{"target": "cpu", "latency_ms": "40%"}],
                    "effort": "quick",
                    "seed": 0,
                }
            ]
        }
    )

    kind: Literal["search"]
    data: str = Field(
        pattern=f"^(digits|ds_{ID_BODY})$", description="`digits`, or the id of a data set that was uploaded"
    )
    space: KnownSpaceName | dict[str, JsonValue] = Field(
        "mobilenet", description="a known space with its options, or a declaration (the YAML form, as JSON)"
    )
    targets: tuple[WireTarget, ...] = Field(min_length=1, max_length=16)
    effort: Effort = "standard"
    minutes: float | None = Field(default=None, strict=True, gt=0, le=100_000, description="a limit on the whole job")
    resolution: int | None = Field(default=None, strict=True, ge=4, le=512, description="largest input side in pixels")
    seed: int = Field(default=0, strict=True, ge=0, lt=2**31)
    threads: int | None = Field(
        default=None, strict=True, ge=1, le=256, description="threads of training; all cores when absent"
    )

    @field_validator("space")
    @classmethod
    def _bounded(cls, space: str | dict[str, JsonValue]) -> str | dict[str, JsonValue]:
        if isinstance(space, dict):
            for count, value in enumerate(_values(space)):
                if count >= MAX_SPACE_VALUES:
                    raise ValueError(f"the space holds more than {MAX_SPACE_VALUES} values")
                if isinstance(value, str):
                    no_path(value)
        return space

    @field_validator("targets")
    @classmethod
    def _distinct(cls, targets: tuple[WireTarget, ...]) -> tuple[WireTarget, ...]:
        if len({t.target for t in targets}) != len(targets):
            raise ValueError("a target is named twice; give each target one budget")
        return targets


def _values(value: Any) -> Iterator[Any]:
    """All keys and values of a JSON document, however nested."""
    stack = [value]
    while stack:
        top = stack.pop()
        yield top
        if isinstance(top, dict):
            stack.extend(top.keys())
            stack.extend(top.values())
        elif isinstance(top, list):
            stack.extend(top)


class JobCreate(Wire):
    """A job to be queued. Later kinds of job join the spec as a union on `kind`."""

    spec: SearchWireSpec


class Progress(Wire):
    """How far the running phase is."""

    done: float
    total: float
    unit: str
    eta_s: float | None = None


class DeliveredModel(Wire):
    """The model of one target, as a search answers it."""

    model_id: str = Field(pattern=id_pattern("mdl"))
    architecture: str
    architecture_id: str
    latency_ms: LatencyOutcome
    accuracy: AccuracyOutcome
    size_bytes: SizeOutcome
    budget: BudgetOutcome
    removed: tuple[RemovedValue, ...] = ()


class SearchAnswer(Wire):
    """What a search found."""

    front: tuple[FrontPoint, ...] = Field(description="Pareto front of the first target, fastest first")
    fronts: dict[str, tuple[FrontPoint, ...]] = Field(description="Pareto front of each target")
    models: dict[str, DeliveredModel] = Field(description="the delivered model of each target")
    seconds: dict[str, float] = Field(description="per stage; 0.0 where it was found in the store")
    warnings: tuple[str, ...] = ()


class JobDocument(Wire):
    """A job. `state` is changed by the service alone; clients must accept states that they do not know."""

    id: str = Field(pattern=id_pattern("job"))
    kind: Literal["search"]
    state: State
    phase: Phase | None = Field(description="stage of the search, while or after it runs")
    progress: Progress | None = Field(description="of the phase")
    attempt: int = Field(description="1 in the first run; a job whose worker was lost is tried again")
    max_attempts: int
    spec: SearchWireSpec
    result: SearchAnswer | None = Field(description="when `succeeded`")
    error: Problem | None = Field(description="when `failed`")
    last_event: int = Field(description="number of the job's last event")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobPage(Wire):
    """Some jobs, newest first."""

    items: tuple[JobDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")


class JobEvent(Wire):
    """One thing that happened during a job."""

    seq: int = Field(description="1, 2, 3, ... within the job, without gaps")
    at: datetime
    event: Event


class EventPage(Wire):
    """Events in their order."""

    items: tuple[JobEvent, ...]
    next_after: int = Field(description="ask with `after` set to this for what follows")
    ended: bool = Field(description="whether the last item is the job's last event")
