"""The stage that looks at the data: what a space needs to know of them, cheaply the second time.

The images themselves are loaded when something learns from them (`PreparedData.load`), so that a budget can be judged in
a second once the facts and the latency table are known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from nas.data.dataset import DataSet, Part, load, source_fingerprint
from nas.data.resize import at_resolution
from nas.errors import InvalidData
from nas.stages.context import Context, Made
from nas.store import StageKey

VERSION = 1


@dataclass(frozen=True)
class PreparedData:
    """A data source by its facts; its images on demand.

    Attributes:
        content_hash: of everything in it; the key of all that is learned from it.
        skipped: corrupt files left out.
    """

    source: str
    seed: int
    name: str
    resolution: int
    channels: int
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    content_hash: str
    skipped: tuple[str, ...]
    _loaded: dict[str, DataSet] = field(default_factory=dict, repr=False)

    @cached_property
    def images(self) -> DataSet:
        """The images.

        Raises:
            InvalidData: the source has changed since its facts were taken.
        """
        data = self._loaded.get("data") or load(self.source, resolution=self.resolution, seed=self.seed)
        if data.content_hash != self.content_hash:
            raise InvalidData(
                f"The data at {self.source} have changed while they were used.",
                fix="Leave them as they are, and run again.",
            )
        return data

    def at(self, part: str, side: int) -> Part:
        """`train`, `val` or `test` at an input side in pixels, resized once and kept."""
        key = (part, side)
        if key not in self._sides:
            whole: Part = getattr(self.images, part)
            self._sides[key] = whole if side == self.resolution else at_resolution(whole, side)
        return self._sides[key]

    @cached_property
    def _sides(self) -> dict[tuple[str, int], Part]:
        return {}


def prepare(context: Context, source: str, *, resolution: int | None, seed: int) -> PreparedData:
    """The facts of a data source.

    Raises:
        InvalidData: nothing readable there, or nothing that can be learned from.
    """
    loaded: dict[str, DataSet] = {}
    key = StageKey("prepare", VERSION, {"source": source_fingerprint(source, resolution=resolution, seed=seed)})

    def compute() -> Made:
        meter = context.progress("preparing", "images")
        loaded["data"] = data = load(source, resolution=resolution, seed=seed, on_progress=meter)
        facts = {
            "name": data.name,
            "resolution": data.resolution,
            "channels": data.channels,
            "classes": list(data.classes),
            "counts": {part: len(getattr(data, part)) for part in ("train", "val", "test")},
            "content_hash": data.content_hash,
            "skipped": list(data.skipped),
            "warnings": list(data.warnings),
        }
        return Made({}, facts)

    facts = context.run("preparing", key, compute).facts
    context.hashes["data"] = facts["content_hash"]
    for warning in facts["warnings"]:
        context.warn(warning)
    if facts["skipped"]:
        shown = "; ".join(facts["skipped"][:3])
        context.warn(f"{len(facts['skipped'])} unreadable images were left out: {shown}.")
    return PreparedData(
        source, seed, facts["name"], facts["resolution"], facts["channels"], tuple(facts["classes"]), facts["counts"],
        facts["content_hash"], tuple(facts["skipped"]), loaded,
    )  # fmt: skip
