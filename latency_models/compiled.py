"""An additive cost compiled over a whole space: vectorised prediction, and the exact ends of its range.

Exact counts are in `counting.py`, sampling inside a band in `sampling.py`; where costs come from, in `additive.py` and
`table.py`. Architectures are rows of value indices, as `Lattice.encode` returns them: (N, number of choices).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from latency_models.additive import AdditiveCost, to_ms, to_ticks
from latency_models.errors import InvalidBudget
from search_spaces.lattice import IntArray, Lattice
from search_spaces.network import Layer
from search_spaces.space import Architecture


@dataclass(frozen=True)
class CompiledCost:
    """A cost in whole numbers over a lattice.

    Attributes:
        lattice: the enumerated space.
        name: of the cost, with its unit.
        base: (R,) cost of each resolution value besides the layers.
        costs: for each stage, (T,) cost of each transition, none below 0.
    """

    lattice: Lattice
    name: str
    base: IntArray
    costs: tuple[IntArray, ...]

    def predict(self, codes: NDArray[np.integer]) -> IntArray:
        """Costs (N,) of value indices (N, number of choices); values of inactive choices do not matter."""
        return self.lattice.sums(self.base, self._by_code, codes)

    @cached_property
    def _by_code(self) -> tuple[IntArray, ...]:
        return self.lattice.by_code(self.costs)

    @cached_property
    def least(self) -> tuple[int, Architecture]:
        """The exact minimum over the space, and an architecture that reaches it (the first in enumeration order)."""
        return self._extreme(1)

    @cached_property
    def most(self) -> tuple[int, Architecture]:
        """The exact maximum over the space, and an architecture that reaches it (the first in enumeration order)."""
        return self._extreme(-1)

    def _extreme(self, sign: Literal[1, -1]) -> tuple[int, Architecture]:
        best = np.zeros(self.lattice.states[-1], np.int64)
        ways: list[IntArray] = []
        for k in reversed(range(len(self.costs))):
            stage = self.lattice.stages[k]
            value = sign * self.costs[k] + best[stage.target]
            order = np.lexsort((np.arange(len(value)), value, stage.source))
            first = order[np.searchsorted(stage.source[order], np.arange(self.lattice.states[k]))]
            best = value[first]
            ways.append(first)
        totals = np.where(
            self.lattice.initial >= 0, sign * self.base + best[self.lattice.initial], np.iinfo(np.int64).max
        )
        start = int(np.argmin(totals))
        codes = np.zeros((1, len(self.lattice.space.choices)), np.int64)
        codes[0, 0] = start
        state = int(self.lattice.initial[start])
        for stage, first in zip(self.lattice.stages, reversed(ways), strict=True):
            transition = first[state]
            decided = stage.decided[transition]
            read = decided >= 0
            codes[0, np.array(stage.columns, np.int64)[read]] = decided[read]
            state = int(stage.target[transition])
        return sign * int(totals[start]), self.lattice.decode(codes)[0]


def compile_cost(cost: AdditiveCost, lattice: Lattice) -> CompiledCost:
    """Computes the cost of every transition of a lattice."""
    space = lattice.space
    sides = [int(value) for value in space.resolution.values]
    known: dict[str, int] = {}

    def layer_cost(layer: Layer) -> int:
        value = known.get(layer.key)
        if value is None:
            value = known[layer.key] = cost.layer(layer)
        return value

    return CompiledCost(
        lattice,
        cost.name,
        np.array([cost.base((space.channels, side, side)) for side in sides], np.int64),
        tuple(
            np.array([sum(map(layer_cost, block)) for block in stage.blocks], np.int64)[stage.block]
            for stage in lattice.stages
        ),
    )


class _Model(Protocol):
    def cost(self) -> AdditiveCost: ...

    def knows(self, layer: Layer) -> bool: ...


@dataclass(frozen=True)
class CompiledLatency(CompiledCost):
    """Predicted latency over a lattice, in ticks of 10 ns, also in milliseconds.

    Attributes:
        unseen: layer keys of the space that the model has not measured; it estimates those.
    """

    unseen: tuple[str, ...]

    def predict_ms(self, codes: NDArray[np.integer]) -> NDArray[np.float64]:
        """Latencies (N,) in ms of value indices (N, number of choices)."""
        milliseconds: NDArray[np.float64] = self.predict(codes) / to_ticks(1.0)
        return milliseconds

    @cached_property
    def reachable_ms(self) -> tuple[float, float]:
        """Latency of the fastest and of the slowest architecture, ms."""
        return to_ms(self.least[0]), to_ms(self.most[0])

    def budget_ms(self, budget: str | float) -> float:
        """A budget in ms: a number is one already, and `"40%"` is that point of the reachable range.

        Raises:
            InvalidBudget: neither a positive number nor a percentage from 0 to 100.
        """
        return resolve_budget(budget, self.reachable_ms)


def compile_table(model: _Model, lattice: Lattice) -> CompiledLatency:
    """Compiles a latency model over a lattice."""
    compiled = compile_cost(model.cost(), lattice)
    unseen = tuple(dict.fromkeys(layer.key for layer in lattice.layers() if not model.knows(layer)))
    return CompiledLatency(compiled.lattice, compiled.name, compiled.base, compiled.costs, unseen)


def resolve_budget(budget: str | float, reachable_ms: tuple[float, float]) -> float:
    """A budget in ms: a number is one already, and `"40%"` is that point of the reachable range, to the tick below.

    Raises:
        InvalidBudget: neither a positive number nor a percentage from 0 to 100.
    """
    try:
        if isinstance(budget, str) and budget.endswith("%"):
            share = float(budget[:-1]) / 100
            if 0 <= share <= 1:
                low, high = map(to_ticks, reachable_ms)
                return to_ms(low + int((high - low) * share))
        elif 0 < float(budget) < float("inf"):
            return float(budget)
    except ValueError:
        pass
    raise InvalidBudget(
        f"{budget!r} is no latency budget.",
        fix="Give milliseconds above 0, or a point of the reachable range from 0% to 100%.",
    )
