"""The spec of a batch on the wire: a matrix of searches, named by ids. Not here: its cells and checks (`batches.py`)."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, field_validator

from api.jobs.spec_fields import SPACE_TEXT, DataId, SearchOptions, Seed, Space, TargetName, WireLatency
from api.wire import WireModel, examples

MAX_ENTRIES: Final = 64
"""The most that a list of the matrix may have."""

BATCH: Final[dict[str, Any]] = {
    "kind": "batch",
    "data": ["digits"],
    "spaces": ["mobilenet", "resnet"],
    "targets": ["cpu"],
    "budgets": ["40%"],
    "seeds": [0],
    "search": {"effort": "quick"},
}


class ExcludedCells(WireModel):
    """Cells that are left out: those with all the values that are given."""

    data: DataId | None = None
    space: str | None = Field(
        default=None, max_length=200, description="entry of `spaces`, or the name of a declared one"
    )
    target: TargetName | None = None
    latency_ms: WireLatency | None = None
    seed: Seed | None = None


def _distinct(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    names = [str(entry.get("name", "space")) if isinstance(entry, dict) else entry for entry in entries]
    if len(set(names)) != len(names):
        raise ValueError("an entry is there twice, which would make equal cells; name each once")
    return entries


class BatchWireSpec(WireModel):
    """A batch: a search for every combination of data, space, target, budget and seed, what can be shared computed once."""

    model_config = examples(BATCH)

    kind: Literal["batch"]
    name: str = Field(
        default="batch", pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$", description="heading of the report"
    )
    data: Annotated[tuple[DataId, ...], AfterValidator(_distinct)] = Field(min_length=1, max_length=MAX_ENTRIES)
    spaces: Annotated[tuple[Space, ...], AfterValidator(_distinct)] = Field(
        ("auto",), min_length=1, max_length=MAX_ENTRIES, description=f"of each: {SPACE_TEXT}"
    )
    targets: Annotated[tuple[TargetName, ...], AfterValidator(_distinct)] = Field(min_length=1, max_length=16)
    budgets: Annotated[tuple[WireLatency, ...], AfterValidator(_distinct)] = Field(
        min_length=1,
        max_length=MAX_ENTRIES,
        description="each for every target: milliseconds at batch 1 in INT8, or a point of the target's reachable range (`40%`)",
    )
    seeds: Annotated[tuple[Seed, ...], AfterValidator(_distinct)] = Field((0,), min_length=1, max_length=MAX_ENTRIES)
    search: SearchOptions = Field(
        default=SearchOptions(),
        description="options of every search; the time is of each cell, as if it were searched alone",
    )
    exclude: tuple[ExcludedCells, ...] = Field((), max_length=1000, description="combinations that are left out")
    measure_cross: bool = Field(
        default=False,
        strict=True,
        description="whether networks of other targets are measured on each device, too, for the cross table; else they are "
        "predicted by its latency tables",
    )

    @field_validator("exclude")
    @classmethod
    def _not_empty(cls, exclude: tuple[ExcludedCells, ...]) -> tuple[ExcludedCells, ...]:
        if any(not one.model_fields_set for one in exclude):
            raise ValueError("an entry names nothing, which would leave out every cell")
        return exclude
