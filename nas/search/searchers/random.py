"""Uniform among the architectures within the limit, without repeats: what any other searcher has to be better than."""

import numpy as np

from nas.search.sampler import Evaluated, IntArray, RegionSampler


class UniformSampler(RegionSampler):
    """See the module."""

    def suggest(self, known: Evaluated, rng: np.random.Generator) -> IntArray:
        """A new architecture."""
        return self.uniform(known, rng)
