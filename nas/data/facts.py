"""A data set without its images: its facts, as a value. Not here: the images (`arrays.py`), and how they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.data.images import PixelRange
from nas.spec import Fit


@dataclass(frozen=True)
class DataFacts:
    """A data set by its facts.

    Attributes:
        resolution: size of the stored images, in pixels.
        classes: names, in the order of the labels.
        images: how many each split has.
        per_class: how many each split has of each class, in the order of the classes.
        content_hash: of everything in it; the key of all that is learned from it.
        fit: how images became square.
        pixel_range: what became 0 to 255 in files of more than 8 bits a channel.
        blob: hash of the stored images and labels.
    """

    name: str
    resolution: int
    channels: int
    classes: tuple[str, ...]
    images: Mapping[str, int]
    per_class: Mapping[str, Sequence[int]]
    content_hash: str
    fit: Fit
    pixel_range: PixelRange | None
    blob: str

    def input_spec(self) -> dict[str, Any]:
        """How image files became pixels, as JSON values: for `classify.py` of a bundle."""
        span = None if self.pixel_range is None else list(self.pixel_range)
        return {"fit": self.fit, "resize": "bilinear antialiased", "size": self.resolution, "pixel_range": span}
