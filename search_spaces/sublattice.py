"""A lattice without some of its transitions: the architectures that use only the others, exact to count, sample and bound.

Transitions and states that no whole architecture uses any more are left out, too. Choices, value indices and blocks stay those of the
lattice, so that codes of one are codes of the other. Not here: which transitions are left out (`latency_models/limits.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search_spaces.lattice import IntArray, Lattice, StageLattice

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Sublattice:
    """The rest of a lattice.

    Attributes:
        kept: for each stage, the transitions that it has, as indices into the whole lattice's.
    """

    lattice: Lattice
    kept: tuple[IntArray, ...]


def sublattice(lattice: Lattice, allowed: Sequence[BoolArray]) -> Sublattice | None:
    """The architectures whose transitions are all allowed; None where there is none.

    Args:
        lattice: the whole one.
        allowed: for each stage, (T,) whether each transition may be used.
    """
    ends = [np.ones(lattice.states[-1], np.bool_)]
    for stage, mask in zip(reversed(lattice.stages), reversed(allowed), strict=True):
        ends.append(_marked(len(stage.lookup), stage.source[mask & ends[-1][stage.target]]))
    ends.reverse()  # whether a whole way leads on from each state
    initial = np.where(ends[0][lattice.initial], lattice.initial, -1)
    reached = _marked(lattice.states[0], initial[initial >= 0])
    if not reached.any():
        return None
    stages, kept, states = [], [], [reached]
    for stage, mask, end in zip(lattice.stages, allowed, ends[1:], strict=True):
        used = mask & states[-1][stage.source] & end[stage.target]
        states.append(_marked(len(end), stage.target[used]))
        kept.append(np.flatnonzero(used))
        stages.append(_rest(stage, kept[-1], states[-2], states[-1]))
    start = _numbers(reached)
    rest = replace(
        lattice,
        initial=np.where(initial >= 0, start[initial], -1),
        stages=tuple(stages),
        states=tuple(int(one.sum()) for one in states),
    )
    return Sublattice(rest, tuple(kept))


def _marked(count: int, indices: IntArray) -> BoolArray:
    marked = np.zeros(count, np.bool_)
    marked[indices] = True
    return marked


def _numbers(kept: BoolArray) -> IntArray:
    """The new index of each kept one, -1 of the others."""
    return np.where(kept, np.cumsum(kept) - 1, -1)


def _rest(stage: StageLattice, kept: IntArray, before: BoolArray, after: BoolArray) -> StageLattice:
    transition = np.full(len(stage.source) + 1, -1, np.int64)  # the last one for the -1 of contradictions
    transition[kept] = np.arange(len(kept))
    return replace(
        stage,
        source=_numbers(before)[stage.source[kept]],
        target=_numbers(after)[stage.target[kept]],
        block=stage.block[kept],
        decided=stage.decided[kept],
        lookup=transition[stage.lookup[before]],
    )
