"""Uniform among the architectures within the limit, without repeats: what any other searcher has to be better than."""

from typing import Final

import numpy as np

from nas.search.sampler import Evaluated, IntArray, RegionSampler

VERSION: Final = 1


class UniformSampler(RegionSampler):
    """See the module."""

    def suggest(self, known: Evaluated, rng: np.random.Generator) -> IntArray:
        """A new architecture."""
        return self.uniform(known, rng)
