"""Local search (White et al. 2021): neighbours of the best architecture are evaluated in random order until one is better.

Where no neighbour is left, it starts again from a uniform architecture. It looks for the best metric within the limit.
"""

from typing import Final

import numpy as np

from nas.search.sampler import Evaluated, IntArray, RegionSampler, fresh, keys, row

INITIAL: Final = 10
"""Uniform architectures, the best of which is the first start."""


class LocalSampler(RegionSampler):
    """See the module."""

    @property
    def _initial(self) -> int:
        """Uniform architectures, fewer than `INITIAL` in a short search."""
        return max(1, min(INITIAL, self.evaluations // 4))

    def suggest(self, known: Evaluated, rng: np.random.Generator) -> IntArray:
        """A neighbour of the best of the present climb, or a new start."""
        if len(known.codes) < self._initial:
            return self.uniform(known, rng)
        left = fresh(self.neighbours(self._top(known)[None]), known.seen)
        return row(left, int(rng.integers(len(left)))) if len(left) else self.uniform(known, rng)

    def _top(self, known: Evaluated) -> IntArray:
        """The best of the present climb, which begins at the last trial that was no neighbour of the best before it."""
        first = self._initial
        top = int(np.argmax(known.metric[:first]))
        near = set(keys(self.neighbours(known.codes[top][None])))
        for number, key in enumerate(keys(known.codes[first:]), start=first):
            if key in near and known.metric[number] <= known.metric[top]:
                continue
            top = number
            near = set(keys(self.neighbours(known.codes[top][None])))
        return row(known.codes, top)
