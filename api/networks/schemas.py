"""Trained networks on the wire."""

from datetime import datetime

from pydantic import Field

from api.ids import id_pattern
from api.wire import WireModel, examples


class FrozenPart(WireModel):
    """Layers that keep their channels."""

    layers: int = Field(description="how many")
    reason: str = Field(description="what they are")


class NetworkSummary(WireModel):
    """What the check of a network found."""

    classes: int = Field(description="of its classifier, which is replaced where the data have others")
    channels: int = Field(description="of its input, 1 or 3")
    side: int = Field(description="of its input, in pixels")
    only_side: bool = Field(description="whether it reads no other size")
    prunable_share: float = Field(description="share of its multiply-accumulates in layers that can shrink, 0 to 1")
    frozen: tuple[FrozenPart, ...]


class NetworkDocument(WireModel):
    """A trained network that passed its check: a search starts from it with its id as `start_from`."""

    model_config = examples(
        {
            "id": "net_01jd3z6g4m8x2c5v7b9n1q3r5t", "name": "cells", "sha256": "0" * 64, "size_bytes": 123456,
            "created_at": "2026-01-31T12:00:00Z",
            "summary": {
                "classes": 3, "channels": 3, "side": 64, "only_side": False, "prunable_share": 0.9,
                "frozen": [{"layers": 2, "reason": "concatenated with other channels"}],
            },
        }
    )  # fmt: skip

    id: str = Field(pattern=id_pattern("net"))
    name: str
    sha256: str = Field(description="of the file")
    size_bytes: int = Field(description="of the file")
    summary: NetworkSummary
    created_at: datetime


class NetworkPage(WireModel):
    """Some networks, newest first."""

    model_config = examples({"items": [], "next_page_token": None})

    items: tuple[NetworkDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")
