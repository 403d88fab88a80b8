"""Routes of the targets and the known search spaces that a search can name."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import Row

from api.access import Authenticated
from api.dependencies import DatabaseValue
from api.problems import problems
from api.wire import WireModel, examples
from api.worker_registry import live_workers
from search_spaces.space import Value

if TYPE_CHECKING:
    from hw_targets.registry import Option

router = APIRouter(prefix="/v1", tags=["catalogue"])

EXAMPLE_RESOLUTION: Final = 32
"""Resolution for which the choices of a space are listed, in pixels."""


class OptionDocument(WireModel):
    """What an option of a target takes."""

    name: str
    kind: Literal["choice", "integer", "number", "text"] = Field(description="`choice`: one of `values`")
    summary: str
    default: str | None = Field(description="what holds when it is absent; null where that depends on other options")
    values: tuple[str, ...] = Field(description="of a `choice`, else empty")
    bare: bool = Field(description="whether a value is written by itself, `board:VALUE`, instead of `board:name=VALUE`")


class DeviceDocument(WireModel):
    """A device that running workers can measure for a target."""

    fingerprint: str = Field(description="what a job can ask for as `device`; of the target without options")
    device: str | None = Field(description="in words; null when it is not known")
    workers: int = Field(description="how many running workers have it")


class TargetDocument(WireModel):
    """A kind of target."""

    id: str = Field(description="what a search names; options follow a colon, as in `cpu:threads=2`")
    summary: str
    options: dict[str, str] = Field(description="what each option means")
    available: bool = Field(description="whether this machine can use it")
    reason: str | None = Field(description="why it is not available")
    devices: tuple[DeviceDocument, ...] = Field(default=(), description="on which it can be measured now")
    forms: tuple[OptionDocument, ...] = Field(default=(), description="the options again, with what each takes")


class TargetList(WireModel):
    """All targets; there are few, so they are not paged."""

    model_config = examples(
        {
            "items": [
                {
                    "id": "cpu", "summary": "this machine's processor", "available": True, "reason": None,
                    "options": {"threads": "how many threads one network runs on"},
                    "devices": [{"fingerprint": "0f3c5a7e9b1d2468", "device": "a processor (x86_64, 8 cores)", "workers": 2}],
                    "forms": [
                        {
                            "name": "threads", "kind": "integer", "summary": "how many threads one network runs on", "default": "1",
                            "values": [], "bare": False,
                        }
                    ],
                }
            ]
        }
    )  # fmt: skip

    items: tuple[TargetDocument, ...]


class SpaceDocument(WireModel):
    """A known search space."""

    id: str = Field(description="what a search names; options follow a colon, as in `mobilenet:activation=hard_swish`")
    summary: str
    options: dict[str, tuple[str, ...]] = Field(description="values of each option, the default first")
    choices: dict[str, tuple[Value, ...]] = Field(
        default_factory=dict,
        description=f"values of each choice with the default options, for images of {EXAMPLE_RESOLUTION} pixels: `resolution` goes up to "
        "the side of the images",
    )


class SpaceList(WireModel):
    """All known spaces."""

    model_config = examples(
        {
            "items": [
                {
                    "id": "mobilenet",
                    "summary": "inverted residuals",
                    "options": {"activation": ["relu6"]},
                    "choices": {"resolution": [24, 32], "s1.depth": [1, 2]},
                }
            ]
        }
    )

    items: tuple[SpaceDocument, ...]


@router.get("/targets", operation_id="list_targets", summary="List targets", responses=problems())
def list_targets(_subject: Authenticated, database: DatabaseValue) -> TargetList:
    """The targets of searches, and the devices that running workers can measure."""
    from hw_targets.registry import targets

    with database.read() as connection:
        workers = live_workers(connection)
    items = []
    for entry in targets():
        reason = entry.unavailable()
        items.append(
            TargetDocument(
                id=entry.name,
                summary=entry.summary,
                options=dict(entry.options),
                available=not reason,
                reason=reason or None,
                devices=_devices(entry.name, workers),
                forms=tuple(_option_document(option) for option in entry.forms),
            )
        )
    return TargetList(items=tuple(items))


def _devices(target: str, workers: Sequence[Row[Any]]) -> tuple[DeviceDocument, ...]:
    found = Counter(worker.targets[target] for worker in workers if target in worker.targets)
    known = {fingerprint: what["device"] for worker in workers for fingerprint, what in worker.devices.items()}
    return tuple(
        DeviceDocument(fingerprint=fingerprint, device=known.get(fingerprint), workers=count)
        for fingerprint, count in sorted(found.items())
    )


def _option_document(option: "Option") -> OptionDocument:
    return OptionDocument(
        name=option.name,
        kind=option.kind,
        summary=option.summary,
        default=option.default or None,
        values=option.values,
        bare=option.bare,
    )


@router.get("/search-spaces", operation_id="list_search_spaces", summary="List search spaces", responses=problems())
def list_search_spaces(_subject: Authenticated) -> SpaceList:
    """The spaces that come with the service. A search can also declare its own."""
    from search_spaces.registry import KNOWN

    return SpaceList(
        items=tuple(
            SpaceDocument(id=s.name, summary=s.summary, options=dict(s.options), choices=_choices(s.name))
            for s in KNOWN
        )
    )


@cache
def _choices(name: str) -> dict[str, tuple[Value, ...]]:
    from search_spaces.registry import space

    made = space(name, resolution=EXAMPLE_RESOLUTION, channels=3, classes=10)
    return {choice.name: choice.values for choice in made.choices}
