"""The stage that reads the data: what a space needs to know of them, cheaply the second time; and the arrays themselves.

Facts are in the stage's record; images are one blob of the store, read when something learns from them. So a budget can
be judged in a second once the facts and the latency table are known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hw_targets.stopping import stop_if_asked
from nas.data.dataset import DataSet, load
from nas.data.fingerprint import source_fingerprint
from nas.data.images import PixelRange
from nas.data.parts import Part
from nas.data.prepared import pack, summary, unpack
from nas.data.resize import at_resolution
from nas.data.subset import stratified_order
from nas.spec import Fit
from nas.stages.context import Context, Made
from nas.store import StageKey, Store

VERSION = 2


@dataclass(frozen=True)
class PreparedData:
    """A data source by its facts; its images on demand.

    Attributes:
        classes: names, in the order of the labels.
        images: how many each part has.
        per_class: how many each part has of each class, in the order of the classes.
        content_hash: of everything in it; the key of all that is learned from it.
        fit: how images became square.
        pixel_range: what became 0 to 255 in files of more than 8 bits a channel.
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
    _store: Store = field(repr=False)
    _blob: str = field(repr=False)
    _parts: dict[object, Any] = field(default_factory=dict, repr=False)

    def input_spec(self) -> dict[str, Any]:
        """How image files became pixels, as JSON values: what `classify.py` of a bundle follows."""
        span = None if self.pixel_range is None else list(self.pixel_range)
        return {"fit": self.fit, "resize": "bilinear antialiased", "size": self.resolution, "pixel_range": span}

    def part(self, name: Literal["train", "val", "test"], side: int) -> Part:
        """One part at an input side in pixels; read once, resized once, and kept.

        Raises:
            StoreCorrupt: the blob is missing or changed.
        """
        if "whole" not in self._parts:
            self._parts["whole"] = unpack(self._store.get(self._blob))
        if (name, side) not in self._parts:
            whole: DataSet = self._parts["whole"]
            self._parts[name, side] = at_resolution(getattr(whole, name), side)
        part: Part = self._parts[name, side]
        return part

    def subset(self, name: Literal["train", "val", "test"], side: int, most: int, seed: int) -> Part:
        """Up to `most` images of a part, every class in its share, in an order that is stratified throughout. Kept.

        Raises:
            StoreCorrupt: as `part`.
        """
        known = (name, side, most, seed)
        if known not in self._parts:
            part = self.part(name, side)
            self._parts[known] = part.take(stratified_order(part.labels, seed)[:most])
        drawn: Part = self._parts[known]
        return drawn


def prepare(context: Context, source: str, *, resolution: int | None, seed: int, fit: Fit = "stretch") -> PreparedData:
    """Reads a data source, or finds it in the store.

    Raises:
        InvalidData: nothing readable there, or nothing that can be learned from.
    """
    fingerprint = source_fingerprint(source, resolution=resolution, seed=seed, fit=fit)
    key = StageKey("prepare", VERSION, {"source": fingerprint})

    def compute() -> Made:
        meter = context.progress("preparing", "images")

        def on_progress(done: int, total: int) -> None:
            meter(done, total)
            stop_if_asked()

        data = load(source, resolution=resolution, seed=seed, fit=fit, on_progress=on_progress)
        stop_if_asked()
        return Made({"data": pack(data)}, summary(data))

    record = context.run("preparing", key, compute)
    facts = record.facts
    for warning in facts["warnings"]:
        context.warn(warning)
    if facts["skipped"]:
        shown = "; ".join(facts["skipped"][:3])
        context.warn(f"{len(facts['skipped'])} unreadable images were left out: {shown}.")
    return PreparedData(
        facts["name"],
        facts["resolution"],
        facts["channels"],
        tuple(facts["classes"]),
        facts["images"],
        facts["per_class"],
        facts["content_hash"],
        facts["fit"],
        None if facts["pixel_range"] is None else (facts["pixel_range"][0], facts["pixel_range"][1]),
        context.store,
        record.outputs["data"],
    )
