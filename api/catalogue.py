"""Routes of what a search can name: targets of this machine and known search spaces."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import Row

from api.access import Anyone
from api.dependencies import DatabaseValue
from api.problems import problems
from api.wire import Wire, examples
from api.workers import living

router = APIRouter(prefix="/v1", tags=["catalogue"])


class DeviceDocument(Wire):
    """A device that running workers can measure for a target."""

    fingerprint: str = Field(description="what a job can ask for as `device`; of the target without options")
    device: str | None = Field(description="in words; null when it is not known")
    workers: int = Field(description="how many running workers have it")


class TargetDocument(Wire):
    """A kind of target."""

    id: str = Field(description="what a search names; options follow a colon, as in `cpu:threads=2`")
    summary: str
    options: dict[str, str] = Field(description="what each option means")
    available: bool = Field(description="whether this machine can use it")
    reason: str | None = Field(description="why it is not available")
    devices: tuple[DeviceDocument, ...] = Field(default=(), description="on which it can be measured now")


class TargetList(Wire):
    """All targets; there are few, so they are not paged."""

    model_config = examples(
        {
            "items": [
                {
                    "id": "cpu", "summary": "this machine's processor", "available": True, "reason": None,
                    "options": {"threads": "how many threads one network runs on"},
                    "devices": [{"fingerprint": "0f3c5a7e9b1d2468", "device": "a processor (x86_64, 8 cores)", "workers": 2}],
                }
            ]
        }
    )  # fmt: skip

    items: tuple[TargetDocument, ...]


class SpaceDocument(Wire):
    """A known search space."""

    id: str = Field(description="what a search names; options follow a colon, as in `mobilenet:activation=hard_swish`")
    summary: str
    options: dict[str, tuple[str, ...]] = Field(description="values of each option, the default first")


class SpaceList(Wire):
    """All known spaces."""

    model_config = examples(
        {"items": [{"id": "mobilenet", "summary": "inverted residuals", "options": {"activation": ["relu6"]}}]}
    )

    items: tuple[SpaceDocument, ...]


@router.get("/targets", operation_id="list_targets", summary="List targets", responses=problems())
def list_targets(_subject: Anyone, database: DatabaseValue) -> TargetList:
    """What networks can be found for, and the devices that running workers can measure."""
    from hw_targets.registry import targets

    with database.read() as connection:
        workers = living(connection)
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


@router.get("/search-spaces", operation_id="list_search_spaces", summary="List search spaces", responses=problems())
def list_search_spaces(_subject: Anyone) -> SpaceList:
    """The spaces that come with the service. A search can also declare its own."""
    from search_spaces.registry import KNOWN

    return SpaceList(items=tuple(SpaceDocument(id=s.name, summary=s.summary, options=dict(s.options)) for s in KNOWN))
