"""Data sets on the wire."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.ids import id_pattern

Format = Literal["npz", "image_folder"]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Images(_Wire):
    """Images in each part."""

    train: int
    val: int
    test: int


class Summary(_Wire):
    """What the check of a data set found."""

    classes: tuple[str, ...]
    resolution: int = Field(description="side of the images in pixels")
    channels: int = Field(description="1 for grey, 3 for RGB")
    images: Images
    skipped: int = Field(description="corrupt files that were left out")
    warnings: tuple[str, ...]


class DatasetDocument(_Wire):
    """A data set that passed its check. `digits` is built in and not listed."""

    id: str = Field(pattern=id_pattern("ds"))
    name: str
    format: Format
    sha256: str = Field(description="of the upload")
    size_bytes: int = Field(description="of the upload")
    summary: Summary
    created_at: datetime


class DatasetPage(_Wire):
    """Some data sets, newest first."""

    items: tuple[DatasetDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")
