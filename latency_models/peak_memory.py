"""Peak activation memory over a whole space: the highest of an architecture's transitions, so that a limit on it leaves some out.

It is not additive, but exact all the same: between two stages a single tensor is alive. Not here: what one network needs
(`search_spaces/cost.py`), and costs that are sums (`compiled.py`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latency_models.cost_limit import PEAK_MEMORY_BYTES
from search_spaces.cost import block_peak_bytes
from search_spaces.lattice import IntArray, Lattice


@dataclass(frozen=True)
class CompiledPeak:
    """`peak_memory_bytes` over a lattice.

    Attributes:
        peaks: for each stage, (T,) bytes of each transition.
    """

    lattice: Lattice
    peaks: tuple[IntArray, ...]
    name: str = PEAK_MEMORY_BYTES

    @staticmethod
    def of(lattice: Lattice) -> "CompiledPeak":
        """Computes the peak of every transition."""
        return CompiledPeak(
            lattice,
            tuple(
                np.array([block_peak_bytes(block) for block in stage.blocks], np.int64)[stage.block]
                for stage in lattice.stages
            ),
        )

    def predict(self, codes: NDArray[np.integer]) -> IntArray:
        """Bytes (N,) of value indices (N, number of choices)."""
        highest = np.zeros(len(codes), np.int64)
        for peaks, transition in zip(self.peaks, self.lattice.walk(np.asarray(codes, np.int64)), strict=True):
            np.maximum(highest, peaks[transition], out=highest)
        return highest

    @cached_property
    def ends(self) -> tuple[int, int]:
        """The least and the most bytes of the space's architectures, exactly."""
        least = np.zeros(self.lattice.states[-1], np.int64)
        for k in reversed(range(len(self.peaks))):
            stage, after = self.lattice.stages[k], least
            least = np.full(self.lattice.states[k], np.iinfo(np.int64).max)
            np.minimum.at(least, stage.source, np.maximum(self.peaks[k], after[stage.target]))
        return int(least[self.lattice.initial].min()), max(int(peaks.max()) for peaks in self.peaks)
