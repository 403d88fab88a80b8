"""Regularised evolution (Real et al. 2019): the best of a sample of the youngest architectures is changed in one choice.

It looks for the best metric within the limit. Not here: anything of a front.
"""

from typing import Final

import numpy as np

from nas.search.sampler import Evaluated, IntArray, RegionSampler, fresh, row

POPULATION: Final = 50
SAMPLE: Final = 10
"""Of the population, those among which the best is the parent."""
ATTEMPTS: Final = 20
"""Parents that are tried until a child is new."""


class EvolutionSampler(RegionSampler):
    """See the module."""

    def suggest(self, known: Evaluated, rng: np.random.Generator) -> IntArray:
        """A child, or a uniform architecture until the population is complete."""
        population = max(4, min(POPULATION, self.evaluations // 4))
        if len(known.codes) < population:
            return self.uniform(known, rng)
        for _ in range(ATTEMPTS):
            drawn = len(known.codes) - population + rng.choice(population, min(SAMPLE, population), replace=False)
            parent = known.codes[drawn[np.argmax(known.metric[drawn])]]
            children = fresh(self.neighbours(parent[None]), known.seen)
            if len(children):
                return row(children, int(rng.integers(len(children))))
        return self.uniform(known, rng)
