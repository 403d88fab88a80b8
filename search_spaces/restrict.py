"""Restricts a space to what a target runs: unsupported options are removed until every architecture left has supported layers only.

The space is enumerated stage by stage, so the result is exact. A value is removed when every network that uses it has an
unsupported layer. Where only combinations of values are unsupported, the value is removed that loses the smallest share of
the supported architectures for its share of the unsupported ones, until no unsupported one is left. Then values whose removal
was not needed are restored, so that no single one could be added. A restricted space has the same stages with fewer values:
its architectures are architectures of the whole space, with the same layers.
Not here: what a target supports (`hw_targets`), the replacement of a space's activation (`registry.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import UnsupportedSpace
from search_spaces.lattice import Lattice, StageLattice
from search_spaces.network import Layer
from search_spaces.space import Choice, SearchSpace, Value, text

UnsupportedReason = Callable[[Layer], str]
"""Why a layer is not supported, or an empty string."""

_SHOWN: Final = 5

_Flags = NDArray[np.bool_]
_Cause = tuple[Layer, str]
"""(unsupported layer, reason)."""
_Used = tuple[int, int]
"""(index of the choice, index of its value)."""


@dataclass(frozen=True, slots=True)
class RemovedOption:
    """One value of one choice that a restricted space does not offer.

    Attributes:
        reason: why the layer that caused the removal is not supported.
        layer: its name.
        alone: whether no supported network of the space has the value; else it is unsupported only in combination with
            others, and it was the cheapest to remove.
    """

    choice: str
    value: Value
    reason: str
    layer: str
    alone: bool


@dataclass(frozen=True, slots=True)
class RestrictedSpace:
    """A space of supported networks only, and the options removed from the whole space; the whole space itself where there are none."""

    space: SearchSpace
    removed: tuple[RemovedOption, ...]

    def describe(self) -> str:
        """The options removed, one clause for each reason; empty where there are none."""
        by_reason: dict[str, list[str]] = {}
        for one in self.removed:
            by_reason.setdefault(one.reason, []).append(f"{one.choice}={text(one.value)}")
        return "; ".join(f"{reason} (removed {_listed(values)})" for reason, values in by_reason.items())


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(values[:_SHOWN]) + more


def restrict(space: SearchSpace, unsupported_reason: UnsupportedReason, *, who: str) -> RestrictedSpace:
    """The part of a space in which every layer of every architecture is supported.

    Args:
        space: the whole space.
        unsupported_reason: of a layer; empty where it is supported.
        who: the target, for the message.

    Raises:
        UnsupportedSpace: nothing is left; `facts` list the unsupported layers with the reasons.
        InvalidSpace: the space cannot be enumerated.
    """
    search = _Search(Lattice.of(space), unsupported_reason)
    removed = search.run(who)
    if not removed:
        return RestrictedSpace(space, ())
    return RestrictedSpace(with_values(space, search.allowed_values()), tuple(removed))


def with_values(space: SearchSpace, values: Mapping[str, AbstractSet[Value]]) -> SearchSpace:
    """The space with only these values of each choice, in the order of the whole space.

    Raises:
        InvalidSpace: a choice has no value left.
    """

    def fewer(choice: Choice) -> Choice:
        return Choice(choice.name, tuple(v for v in choice.values if v in values[choice.name]))

    stages = tuple(replace(stage, choices=tuple(map(fewer, stage.choices))) for stage in space.stages)
    return replace(space, resolution=fewer(space.resolution), stages=stages)


def union(space: SearchSpace, parts: Sequence[SearchSpace]) -> SearchSpace:
    """The smallest restriction of a space that has every architecture of its `parts`, which are restrictions of it, too."""
    offered = {choice.name: {v for part in parts for v in _values(part, choice.name)} for choice in space.choices}
    same = all(offered[choice.name] == set(choice.values) for choice in space.choices)
    return space if same else with_values(space, offered)


def _values(space: SearchSpace, name: str) -> tuple[Value, ...]:
    return next(choice.values for choice in space.choices if choice.name == name)


class _Search:
    """The values still allowed, and which transitions of the lattice are supported and can be reached with them."""

    def __init__(self, lattice: Lattice, unsupported_reason: UnsupportedReason) -> None:
        self._lattice = lattice
        self._allowed = [np.ones(len(choice.values), np.bool_) for choice in lattice.space.choices]
        self._causing = [
            [_first_unsupported(block, unsupported_reason) for block in stage.blocks] for stage in lattice.stages
        ]
        self._good = [
            np.array([cause is None for cause in causing], np.bool_)[stage.block]
            for stage, causing in zip(lattice.stages, self._causing, strict=True)
        ]

    def allowed_values(self) -> dict[str, set[Value]]:
        """The values still allowed, by choice."""
        return {
            choice.name: {v for v, kept in zip(choice.values, allowed.tolist(), strict=True) if kept}
            for choice, allowed in zip(self._lattice.space.choices, self._allowed, strict=True)
        }

    def run(self, who: str) -> list[RemovedOption]:
        """Removes values until no unsupported transition can be reached; returns them in the order of the space."""
        removed: dict[_Used, RemovedOption] = {}
        alone = True
        while True:
            reached = self._reached()
            bad = [r & ~good for r, good in zip(reached, self._good, strict=True)]
            if not any(b.any() for b in bad):
                return self._restore_unneeded(removed)
            causes = self._causes(bad)
            if not self._counts(self._allowed)[0]:
                raise self._nothing_left(who, causes)
            going = self._dead(reached)
            if not going:
                going, alone = [self._cheapest()], False
            for used in going:
                choice = self._lattice.space.choices[used[0]]
                layer, reason = (causes.get(used) or causes[None]).most_common(1)[0][0]
                removed[used] = RemovedOption(choice.name, choice.values[used[1]], reason, layer.name, alone)
                self._allowed[used[0]][used[1]] = False

    def _restore_unneeded(self, removed: Mapping[_Used, RemovedOption]) -> list[RemovedOption]:
        """Restores values whose removal is not needed; returns the other removed ones, in the order of the space."""
        kept: list[RemovedOption] = []
        for used in sorted(removed):
            self._allowed[used[0]][used[1]] = True
            if self._counts(self._allowed)[1] > 0:
                self._allowed[used[0]][used[1]] = False
                kept.append(removed[used])
        return kept

    def _reached(self) -> list[_Flags]:
        """The transitions that some architecture of allowed values takes."""
        at = _marks(self._lattice.initial[self._allowed[0]], self._lattice.states[0])
        taken = []
        for stage, states in zip(self._lattice.stages, self._lattice.states[1:], strict=True):
            taken.append(_allows(stage, self._allowed) & at[stage.source])
            at = _marks(stage.target[taken[-1]], states)
        return taken

    def _counts(self, allowed: Sequence[_Flags]) -> tuple[float, float]:
        """About how many architectures of allowed values are supported, and how many are not; 0 only where there are none."""
        good = np.bincount(self._lattice.initial[allowed[0]], minlength=self._lattice.states[0]).astype(np.float64)
        bad = np.zeros_like(good)
        for stage, fine, states in zip(self._lattice.stages, self._good, self._lattice.states[1:], strict=True):
            open_ = _allows(stage, allowed)
            spoilt = bad[stage.source] * open_ + good[stage.source] * (open_ & ~fine)
            good = np.bincount(stage.target, good[stage.source] * (open_ & fine), states).astype(np.float64)
            bad = np.bincount(stage.target, spoilt, states).astype(np.float64)
        return float(good.sum()), float(bad.sum())

    def _dead(self, reached: Sequence[_Flags]) -> list[_Used]:
        """Values that are used, but by no supported architecture, where their choice has others."""
        lattice = self._lattice
        ends = [np.ones(lattice.states[-1], np.bool_)]  # states from which a supported path leads to the end
        for stage, fine, mask, states in zip(
            lattice.stages[::-1], self._good[::-1], reached[::-1], lattice.states[-2::-1], strict=True
        ):
            ends.append(_marks(stage.source[mask & fine & ends[-1][stage.target]], states))
        ends.reverse()
        values = np.flatnonzero(self._allowed[0])
        used: set[_Used] = {(0, value) for value in values.tolist()}
        alive: set[_Used] = {(0, value) for value in values.tolist() if ends[0][lattice.initial[value]]}
        at = _marks(lattice.initial[values], lattice.states[0])
        for k, stage in enumerate(lattice.stages):
            live = reached[k] & self._good[k] & at[stage.source] & ends[k + 1][stage.target]
            used |= _uses(stage, reached[k])
            alive |= _uses(stage, live)
            at = _marks(stage.target[live], lattice.states[k + 1])
        with_others = {choice for choice, _ in alive}
        return sorted(u for u in used - alive if u[0] in with_others)

    def _cheapest(self) -> _Used:
        """The value whose removal loses the smallest share of the supported architectures for its share of the others.

        There is one that leaves supported ones: where an unsupported architecture first differs from a supported one.
        """
        good, bad = self._counts(self._allowed)
        ranked: list[tuple[float, _Used]] = []
        for choice, allowed in enumerate(self._allowed):
            for value in np.flatnonzero(allowed).tolist() if allowed.sum() > 1 else []:
                allowed[value] = False
                good_left, bad_left = self._counts(self._allowed)
                allowed[value] = True
                if good_left > 0 and bad_left < bad:
                    ranked.append(((good - good_left) / good / ((bad - bad_left) / bad), (choice, value)))
        return min(ranked)[1]

    def _causes(self, bad: Sequence[_Flags]) -> dict[_Used | None, Counter[_Cause]]:
        """How often each unsupported layer occurs where a value is read, and (under None) anywhere."""
        causes: dict[_Used | None, Counter[_Cause]] = {None: Counter()}

        def count(used: _Used | None, stage: int, block: int, times: int) -> None:
            cause = self._causing[stage][block]
            if cause is not None:
                causes.setdefault(used, Counter())[cause] += times

        for k, (stage, mask) in enumerate(zip(self._lattice.stages, bad, strict=True)):
            blocks, times = np.unique(stage.block[mask], return_counts=True)
            for block, n in zip(blocks.tolist(), times.tolist(), strict=True):
                count(None, k, block, n)
            for position, column in enumerate(stage.columns):
                pairs = np.stack((stage.decided[mask, position], stage.block[mask]), axis=1)
                found, times = np.unique(pairs, axis=0, return_counts=True)
                for (value, block), n in zip(found.tolist(), times.tolist(), strict=True):
                    if value >= 0:
                        count((column, value), k, block, n)
        return causes

    def _nothing_left(self, who: str, causes: Mapping[_Used | None, Counter[_Cause]]) -> UnsupportedSpace:
        space = self._lattice.space
        examples: dict[str, str] = {}  # the first layer of the chain for each reason
        for layer, reason in causes[None]:
            examples.setdefault(reason, layer.name)
        listed = list(examples)
        return UnsupportedSpace(
            f"{who} runs no network of the space {space.name!r}: {'; '.join(listed[:3])}{'; …' if len(listed) > 3 else ''}.",
            fix="Declare the space without these layers, or use another space or another target.",
            facts={
                "target": who,
                "space": space.name,
                "unsupported": [{"layer": examples[reason], "reason": reason} for reason in listed[:100]],
            },
        )


def _first_unsupported(block: Iterable[Layer], unsupported_reason: UnsupportedReason) -> _Cause | None:
    return next(((layer, why) for layer in block if (why := unsupported_reason(layer))), None)


def _allows(stage: StageLattice, allowed: Sequence[_Flags]) -> _Flags:
    """Transitions that decide no value that is not allowed."""
    mask = np.ones(len(stage.source), np.bool_)
    for position, column in enumerate(stage.columns):
        decided = stage.decided[:, position]
        mask &= (decided < 0) | allowed[column][decided]
    return mask


def _uses(stage: StageLattice, flags: _Flags) -> set[_Used]:
    """Values that any of these transitions reads."""
    return {
        (column, value)
        for position, column in enumerate(stage.columns)
        for value in np.unique(stage.decided[flags, position]).tolist()
        if value >= 0
    }


def _marks(states: NDArray[np.int64], count: int) -> _Flags:
    """Flags of `count` states, set at those given."""
    marked = np.zeros(count, np.bool_)
    marked[states] = True
    return marked
