"""Routes of what a search can name: targets of this machine and known search spaces."""

from fastapi import APIRouter
from pydantic import Field

from api.access import Anyone
from api.problems import problems
from api.wire import Wire, examples

router = APIRouter(prefix="/v1", tags=["catalogue"])


class TargetDocument(Wire):
    """A kind of target."""

    id: str = Field(description="what a search names; options follow a colon, as in `cpu:threads=2`")
    summary: str
    options: dict[str, str] = Field(description="what each option means")
    available: bool = Field(description="whether this machine can use it")
    reason: str | None = Field(description="why it is not available")


class TargetList(Wire):
    """All targets; there are few, so they are not paged."""

    model_config = examples(
        {
            "items": [
                {
                    "id": "cpu", "summary": "this machine's processor", "available": True, "reason": None,
                    "options": {"threads": "how many threads one network runs on"},
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
def list_targets(_subject: Anyone) -> TargetList:
    """What networks can be found for on this machine."""
    from hw_targets.registry import targets

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
            )
        )
    return TargetList(items=tuple(items))


@router.get("/search-spaces", operation_id="list_search_spaces", summary="List search spaces", responses=problems())
def list_search_spaces(_subject: Anyone) -> SpaceList:
    """The spaces that come with the service. A search can also declare its own."""
    from search_spaces.registry import KNOWN

    return SpaceList(items=tuple(SpaceDocument(id=s.name, summary=s.summary, options=dict(s.options)) for s in KNOWN))
