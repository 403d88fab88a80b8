"""The images and labels of a prepared data set: read when something learns from them, resized once, and kept."""

from collections.abc import Callable

from nas.data.dataset import DataSet
from nas.data.parts import Part, PartName
from nas.data.prepared import unpack
from nas.data.resize import at_resolution
from nas.data.subset import stratified_order


class DataArrays:
    """A data set's arrays on demand. `read` gives the blob that `prepared.pack` made."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._whole: DataSet | None = None
        self._parts: dict[tuple[PartName, int], Part] = {}
        self._subsets: dict[tuple[PartName, int, int, int], Part] = {}

    def part(self, name: PartName, side: int) -> Part:
        """One part at an input side in pixels.

        Raises:
            StoreCorrupt: the blob is missing or changed.
        """
        if self._whole is None:
            self._whole = unpack(self._read())
        if (name, side) not in self._parts:
            self._parts[name, side] = at_resolution(getattr(self._whole, name), side)
        return self._parts[name, side]

    def subset(self, name: PartName, side: int, most: int, seed: int) -> Part:
        """Up to `most` images of a part, every class in its share, in an order that is stratified throughout.

        Raises:
            StoreCorrupt: as `part`.
        """
        known = (name, side, most, seed)
        if known not in self._subsets:
            part = self.part(name, side)
            self._subsets[known] = part.take(stratified_order(part.labels, seed)[:most])
        return self._subsets[known]
