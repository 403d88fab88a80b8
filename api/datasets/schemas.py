"""Data sets on the wire."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.ids import id_pattern
from api.wire import WireModel, examples

Format = Literal["npz", "image_folder"]


class Images(WireModel):
    """Images in each part."""

    train: int
    val: int
    test: int


class Summary(WireModel):
    """What the check of a data set found."""

    classes: tuple[str, ...]
    resolution: int = Field(description="side of the images in pixels")
    channels: int = Field(description="1 for grey, 3 for RGB")
    images: Images
    skipped: int = Field(description="corrupt files that were left out")
    warnings: tuple[str, ...]


class DatasetDocument(WireModel):
    """A data set that passed its check. `digits` is built in and not listed."""

    model_config = examples(
        {
            "id": "ds_01jd3z6g4m8x2c5v7b9n1q3r5t", "name": "shapes", "format": "npz", "sha256": "0" * 64,
            "size_bytes": 123456, "created_at": "2026-01-31T12:00:00Z",
            "summary": {
                "classes": ["circle", "square"], "resolution": 28, "channels": 1,
                "images": {"train": 800, "val": 100, "test": 100}, "skipped": 0, "warnings": [],
            },
        }
    )  # fmt: skip

    id: str = Field(pattern=id_pattern("ds"))
    name: str
    format: Format
    sha256: str = Field(description="of the upload")
    size_bytes: int = Field(description="of the upload")
    summary: Summary
    created_at: datetime


class DatasetPage(WireModel):
    """Some data sets, newest first."""

    model_config = examples({"items": [], "next_page_token": None})

    items: tuple[DatasetDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")
