"""The spec of a job on the wire: one model a kind, in a union on `kind`. A new kind needs a model here and
a handler in `api/worker/handlers.py`. Not here: their fields (`spec_fields.py`), and that of a batch (`batch_spec.py`).
"""

from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field, TypeAdapter, field_validator

from api.ids import id_pattern
from api.jobs.batch_spec import BatchWireSpec
from api.jobs.spec_fields import (
    SPACE_TEXT,
    DataId,
    Device,
    KnownSpaceName,
    SearchOptions,
    Seed,
    Side,
    Space,
    StartFrom,
    TargetName,
    Threads,
    TrainingDevice,
    WireAugment,
    WireClassWeights,
    WireFit,
    WireMetric,
    WireTarget,
)
from api.wire import WireModel, examples
from nas.work import Effort

READ_ONLY: Final[dict[str, Any]] = {"readOnly": True}

SEARCH: Final[dict[str, Any]] = {
    "kind": "search",
    "data": "digits",
    "space": "mobilenet",
    "targets": [{"target": "cpu", "latency_ms": "40%"}],
    "effort": "quick",
    "seed": 0,
}
"""A search that any installation can run."""


class SearchWireSpec(SearchOptions):
    """A search: the most accurate INT8 network within a latency budget on each target."""

    model_config = examples(SEARCH)

    kind: Literal["search"]
    data: DataId
    space: Space = Field("auto", description=SPACE_TEXT)
    targets: tuple[WireTarget, ...] = Field(min_length=1, max_length=16)
    seed: Seed = Field(default=0)

    @field_validator("targets")
    @classmethod
    def _distinct(cls, targets: tuple[WireTarget, ...]) -> tuple[WireTarget, ...]:
        if len({t.target for t in targets}) != len(targets):
            raise ValueError("a target is named twice; give each target one budget")
        devices = {(t.target.partition(":")[0], t.device) for t in targets if t.device is not None}
        if len({name for name, _ in devices}) != len(devices):
            raise ValueError("a target names two devices; queue a job for each")
        return targets


class ProfilingWireSpec(WireModel):
    """A profile: a target's latency table for a space, measured before any search, with its predictor validation."""

    model_config = examples(
        {"kind": "profiling", "target": "cpu", "space": "mobilenet", "data": "digits", "effort": "quick"}
    )

    kind: Literal["profiling"]
    target: TargetName
    device: Device = None
    space: KnownSpaceName = Field("mobilenet", description="a known space with its options")
    data: DataId = Field("digits", description="whose images the table is for: their side, channels and classes")
    effort: Effort = "standard"
    resolution: Side | None = Field(default=None, description="largest input side in pixels")
    seed: Seed = Field(default=0)


class SupernetWireSpec(WireModel):
    """A training: the supernet of a space on a data set, which later searches with the same settings find trained."""

    model_config = examples(
        {
            "kind": "supernet_training",
            "data": "digits",
            "space": "mobilenet",
            "targets": ["cpu"],
            "effort": "quick",
            "seed": 0,
        }
    )

    kind: Literal["supernet_training"]
    data: DataId
    space: Space = Field("auto", description=SPACE_TEXT)
    start_from: StartFrom = "auto"
    method: Literal["auto", "search"] = Field("auto", description="of the later searches")
    targets: tuple[TargetName, ...] = Field(
        ("cpu",),
        min_length=1,
        max_length=16,
        description="of the later searches; the space is narrowed to what they run",
    )
    effort: Effort = "standard"
    minutes: float | None = Field(
        default=None,
        strict=True,
        gt=0,
        le=100_000,
        description="those of the later searches, whose time decides how long it is trained",
    )
    resolution: Side | None = Field(default=None, description="largest input side in pixels")
    seed: Seed = Field(default=0)
    threads: Threads | None = Field(default=None, description="all cores when absent")
    device: TrainingDevice = "auto"
    fit: WireFit = "stretch"
    augment: WireAugment = "auto"
    metric: WireMetric = "accuracy"
    class_weights: WireClassWeights = "auto"

    @field_validator("targets")
    @classmethod
    def _distinct(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(targets)) != len(targets):
            raise ValueError("a target is named twice")
        return targets


JobReference = Annotated[str, Field(pattern=id_pattern("job"))]
ArchitectureId = Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]

EXPORT: Final[dict[str, Any]] = {
    "kind": "export",
    "job": "job_01jd3z6g4m8x2c5v7b9n1q3r5t",
    "architecture_id": "5a2790177200",
    "target": "cpu",
}


class ExportWireSpec(WireModel):
    """An export: another architecture that a search evaluated than the one it delivered, finished and measured on a target.

    `architecture` and `search` are filled in by the service when the job is made, so that the export outlives the search's
    job; what a request says of them is ignored.
    """

    model_config = examples(EXPORT)

    kind: Literal["export"]
    job: JobReference = Field(description="id of the search, in any state")
    architecture_id: ArchitectureId = Field(description="of one of its candidates, or of a point of its fronts")
    target: TargetName | None = Field(
        default=None, description="one of the search's targets; needed when it has several"
    )
    architecture: str | None = Field(
        default=None, max_length=20_000, description="canonical string of the architecture", json_schema_extra=READ_ONLY
    )
    search: SearchWireSpec | None = Field(
        default=None, description="the spec of the search", json_schema_extra=READ_ONLY
    )


AnySpec = SearchWireSpec | ProfilingWireSpec | SupernetWireSpec | ExportWireSpec | BatchWireSpec
WireSpec = Annotated[AnySpec, Field(discriminator="kind")]
Kind = Literal["search", "profiling", "supernet_training", "export", "batch"]

WIRE_SPEC: Final[TypeAdapter[AnySpec]] = TypeAdapter(WireSpec)
"""Reads the spec of any kind of job."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
