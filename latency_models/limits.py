"""Limits on what a network costs besides its latency: multiply-accumulates, parameters, weight bytes, peak activation memory.

`CompiledLimits` holds them over a lattice: which architectures meet them, and the rest of the lattice where peak memory is limited. Not
here: the least of one cost within the limits on others (`jointly.py`), counts and samples (`joint_sampling.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from latency_models.additive import MACS, PARAMS, WEIGHT_BYTES, AdditiveCost
from latency_models.compiled import CompiledCost, compile_cost
from latency_models.cost_limit import PEAK_MEMORY_BYTES, CostLimit
from latency_models.peak_memory import CompiledPeak
from search_spaces.cost import peak_memory_bytes
from search_spaces.lattice import IntArray, Lattice
from search_spaces.network import Network
from search_spaces.sublattice import Sublattice, sublattice

ADDITIVE: Final[dict[str, AdditiveCost]] = {cost.name: cost for cost in (MACS, PARAMS, WEIGHT_BYTES)}
_Cost = TypeVar("_Cost", bound=CompiledCost)


def cost_of(name: str, network: Network) -> int:
    """What a network has of a cost that can be limited."""
    return peak_memory_bytes(network) if name == PEAK_MEMORY_BYTES else ADDITIVE[name].of(network)


@dataclass(frozen=True, slots=True)
class Bound:
    """An additive cost with the most that is allowed; as `limit` it was requested, and latency has none."""

    cost: CompiledCost
    most: int
    limit: CostLimit | None = None


@dataclass(frozen=True)
class CompiledLimits:
    """Limits over a lattice."""

    lattice: Lattice
    limits: tuple[CostLimit, ...]

    @cached_property
    def costs(self) -> tuple[CompiledCost | CompiledPeak, ...]:
        """The cost of each limit over the whole lattice."""
        return tuple(
            CompiledPeak.of(self.lattice)
            if limit.cost == PEAK_MEMORY_BYTES
            else compile_cost(ADDITIVE[limit.cost], self.lattice)
            for limit in self.limits
        )

    def ends(self, number: int) -> tuple[int, int]:
        """The least and the most that an architecture of the space has of a limit's cost, exactly."""
        cost = self.costs[number]
        return cost.ends if isinstance(cost, CompiledPeak) else (cost.least[0], cost.most[0])

    def active(self, number: int) -> bool:
        """Whether some architecture of the space exceeds a limit."""
        return self.ends(number)[1] > self.limits[number].most

    def meet(self, codes: IntArray) -> NDArray[np.bool_]:
        """(N,) whether architectures meet all limits."""
        inside = np.ones(len(codes), np.bool_)
        for limit, cost in zip(self.limits, self.costs, strict=True):
            inside &= cost.predict(codes) <= limit.most
        return inside

    @cached_property
    def rest(self) -> Sublattice | None:
        """What a limit on peak memory leaves of the lattice: the whole one without such a limit, None where nothing is left."""
        allowed = [np.ones(len(stage.source), np.bool_) for stage in self.lattice.stages]
        for limit, cost in zip(self.limits, self.costs, strict=True):
            if isinstance(cost, CompiledPeak):
                allowed = [mask & (peaks <= limit.most) for mask, peaks in zip(allowed, cost.peaks, strict=True)]
        return sublattice(self.lattice, allowed)

    def within_memory(self, cost: _Cost) -> _Cost:
        """An additive cost over the rest of the lattice, which must not be empty."""
        rest = self.rest
        assert rest is not None
        kept = tuple(one[indices] for one, indices in zip(cost.costs, rest.kept, strict=True))
        return replace(cost, lattice=rest.lattice, costs=kept)

    def bounds(self, others: Sequence[Bound] = ()) -> tuple[Bound, ...]:
        """The additive limits that some architecture of the rest exceeds, over the rest of the lattice, after `others` over the whole."""
        own = [
            Bound(cost, limit.most, limit)
            for limit, cost in zip(self.limits, self.costs, strict=True)
            if not isinstance(cost, CompiledPeak)
        ]
        found = [replace(one, cost=self.within_memory(one.cost)) for one in (*others, *own)]
        return tuple(one for one in found if one.cost.most[0] > one.most)
