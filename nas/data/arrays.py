"""The images and labels of a prepared data set: read when they are first needed, resized once, and cached."""

from collections.abc import Callable

from nas.data.dataset import DataSet
from nas.data.prepared import unpack
from nas.data.resize import at_resolution
from nas.data.splits import Split, SplitName
from nas.data.subset import stratified_order


class DataArrays:
    """A data set's arrays on demand. `read` returns the blob of `prepared.pack`."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._whole: DataSet | None = None
        self._splits: dict[tuple[SplitName, int], Split] = {}
        self._subsets: dict[tuple[SplitName, int, int, int], Split] = {}

    def split(self, name: SplitName, image_size: int) -> Split:
        """One split at an input size in pixels.

        Raises:
            StoreCorrupt: the blob is missing or changed.
        """
        if self._whole is None:
            self._whole = unpack(self._read())
        if (name, image_size) not in self._splits:
            self._splits[name, image_size] = at_resolution(getattr(self._whole, name), image_size)
        return self._splits[name, image_size]

    def subset(self, name: SplitName, image_size: int, most: int, seed: int) -> Split:
        """Up to `most` images of a split, every class in its share, in an order that is stratified throughout.

        Raises:
            StoreCorrupt: as `split`.
        """
        known = (name, image_size, most, seed)
        if known not in self._subsets:
            split = self.split(name, image_size)
            self._subsets[known] = split.take(stratified_order(split.labels, seed)[:most])
        return self._subsets[known]
