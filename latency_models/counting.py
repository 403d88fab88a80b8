"""Exact number of architectures within a cost, for spaces of any size.

The number of ways to reach each cost is a polynomial for each state of the lattice; a transition shifts it. The polynomials
are built from both ends of the chain up to a cut in the middle, so that they stay short, and a count is one sum of
products over the states of that cut. Numbers beyond 64 bits are kept as residues by several primes, and combined at
the end (Chinese remainder theorem). Only counting; which architectures they are is in `sampling.py`.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd, prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latency_models.compiled import CompiledCost
from latency_models.errors import CostTooFine, UnreadableTable
from search_spaces.lattice import IntArray

Residues = NDArray[np.uint32]

MAX_CELLS: Final = 150_000_000
"""Most numbers (4 bytes each) of a distribution, and most in use while one is built."""

_QUERY_WEIGHT: Final = 8


@dataclass(frozen=True)
class _Half:
    """For each state of the cut: ways by cost (cost = low + index), one residue array for each prime, or none."""

    low: tuple[int, ...]
    ways: tuple[tuple[Residues, ...], ...]


@dataclass(frozen=True)
class Distribution:
    """The number of architectures by cost, ready for any number of counts.

    Attributes:
        unit: all costs are `origin` plus a multiple of it.
        origin: a cost.
        least, most: the ends of the range.
        size: number of architectures.
        primes: of the residues; their product exceeds `size`.
    """

    unit: int
    origin: int
    least: int
    most: int
    size: int
    primes: tuple[int, ...]
    _before: _Half
    _after: _Half  # cumulative: ways of at most this cost

    @staticmethod
    def of(cost: CompiledCost) -> "Distribution":
        """Counts a whole space (about a second for the larger ones).

        Raises:
            CostTooFine: the range has too many steps to be counted in bounded memory.
        """
        chain = _Chain.of(cost)
        cut = chain.best_cut()
        primes = _primes(cost.lattice.size)
        chain.check(cut, len(primes))
        before: list[list[Residues]] = []
        after: list[list[Residues]] = []
        for prime in primes:
            before.append(chain.forward(cut, prime))
            after.append(
                [(np.cumsum(ways, dtype=np.int64) % prime).astype(np.uint32) for ways in chain.backward(cut, prime)]
            )
        return Distribution(
            chain.unit, chain.origin, cost.least[0], cost.most[0], cost.lattice.size, primes,
            _Half(tuple(chain.low_before[cut]), tuple(zip(*before, strict=True))),
            _Half(tuple(chain.low_after[cut]), tuple(zip(*after, strict=True))),
        )  # fmt: skip

    def count(self, budget: int) -> int:
        """How many architectures cost at most `budget`."""
        if budget < self.least:
            return 0
        if budget >= self.most:
            return self.size
        steps = (budget - self.origin) // self.unit
        residues = [self._count(steps, plane) for plane in range(len(self.primes))]
        modulus = prod(self.primes)
        return (
            sum(r * (modulus // p) * pow(modulus // p, -1, p) for r, p in zip(residues, self.primes, strict=True))
            % modulus
        )

    def _count(self, steps: int, plane: int) -> int:
        prime = self.primes[plane]
        total = 0
        for state, (low_before, low_after) in enumerate(zip(self._before.low, self._after.low, strict=True)):
            before, after = self._before.ways[state][plane], self._after.ways[state][plane]
            left = steps - low_before - low_after  # left for `after` when `before` takes its minimum
            full = min(max(left - len(after) + 2, 0), len(before))  # up to here all of `after` fits
            total += int(before[:full].sum(dtype=np.int64)) % prime * int(after[-1])
            stop = min(left + 1, len(before))
            if stop > full:
                products = before[full:stop].astype(np.int64) * after[left - stop + 1 : left - full + 1][::-1]
                total += int((products % prime).sum())
        return total % prime

    def to_bytes(self) -> bytes:
        """The distribution as an npz archive of plain arrays."""
        arrays: dict[str, NDArray[np.generic]] = {
            "header": np.array([str(v) for v in (self.unit, self.origin, self.least, self.most, self.size)]),
            "primes": np.array(self.primes, np.int64),
            "low_before": np.array(self._before.low, np.int64),
            "low_after": np.array(self._after.low, np.int64),
        }
        for name, half in (("before", self._before), ("after", self._after)):
            for state, planes in enumerate(half.ways):
                arrays[f"{name}.{state}"] = np.stack(planes)
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return file.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> "Distribution":
        """The inverse of `to_bytes`.

        Raises:
            UnreadableTable: the bytes are no such archive.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                unit, origin, least, most, size = (int(v) for v in file["header"])
                halves = [
                    _Half(
                        tuple(file[f"low_{name}"].tolist()),
                        tuple(tuple(file[f"{name}.{state}"]) for state in range(len(file[f"low_{name}"]))),
                    )
                    for name in ("before", "after")
                ]
                primes = tuple(file["primes"].tolist())
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise UnreadableTable(
                f"These bytes are no cost distribution: {error}.", fix="Count the space again."
            ) from error
        return Distribution(unit, origin, least, most, size, primes, *halves)


@dataclass(frozen=True)
class _Chain:
    """The lattice with costs in steps of `unit` above `origin`, and the range of costs before and after each state.

    `moves[k]` are rows (source, target, cost, number of such transitions).
    """

    unit: int
    origin: int
    starts: tuple[tuple[int, int], ...]
    states: tuple[int, ...]
    moves: tuple[IntArray, ...]
    low_before: list[list[int]]
    high_before: list[list[int]]
    low_after: list[list[int]]
    high_after: list[list[int]]

    @staticmethod
    def of(cost: CompiledCost) -> "_Chain":
        lattice = cost.lattice
        origin = int(cost.base.min()) + sum(int(c.min()) for c in cost.costs)
        shifted = [c - c.min() for c in cost.costs]
        base = cost.base - cost.base.min()
        unit = gcd(*base.tolist(), *(int(np.gcd.reduce(c)) for c in shifted)) or 1
        moves = []
        for stage, steps in zip(lattice.stages, shifted, strict=True):
            rows, counts = np.unique(
                np.stack([stage.source, stage.target, steps // unit], 1), axis=0, return_counts=True
            )
            moves.append(np.concatenate([rows, counts[:, None]], 1))
        starts = tuple((s, b) for s, b in zip(lattice.initial.tolist(), (base // unit).tolist(), strict=True) if s >= 0)
        low_before, high_before = _ranges_before(lattice.states, starts, moves)
        low_after, high_after = _ranges_after(lattice.states, moves)
        return _Chain(
            unit, origin, starts, lattice.states, tuple(moves), low_before, high_before, low_after, high_after
        )

    def length_before(self, cut: int) -> IntArray:
        """(S,) number of steps of each state's range before it."""
        return np.array(self.high_before[cut], np.int64) - np.array(self.low_before[cut], np.int64) + 1

    def length_after(self, cut: int) -> IntArray:
        """(S,) number of steps of each state's range after it."""
        return np.array(self.high_after[cut], np.int64) - np.array(self.low_after[cut], np.int64) + 1

    def best_cut(self) -> int:
        """The cut with the least work: shifts on both sides, and some counts."""
        forward = [int(self.length_before(k)[moves[:, 0]].sum()) for k, moves in enumerate(self.moves)]
        backward = [int(self.length_after(k + 1)[moves[:, 1]].sum()) for k, moves in enumerate(self.moves)]

        def work(cut: int) -> int:
            kept = int(self.length_before(cut).sum() + self.length_after(cut).sum())
            return sum(forward[:cut]) + sum(backward[cut:]) + _QUERY_WEIGHT * kept

        return min(range(len(self.states)), key=work)

    def check(self, cut: int, planes: int) -> None:
        """Rejects a cost that does not fit bounded memory."""
        kept = planes * int(self.length_before(cut).sum() + self.length_after(cut).sum())
        forward = [int(self.length_before(k).sum()) for k in range(cut + 1)]
        backward = [int(self.length_after(k).sum()) for k in range(cut, len(self.states))]
        at_work = max(a + b for side in (forward, backward) for a, b in zip(side, [*side[1:], 0], strict=True))
        if max(kept, at_work) > MAX_CELLS:
            raise CostTooFine(
                f"Counting this space exactly takes {max(kept, at_work):,} numbers; the limit is {MAX_CELLS:,}.",
                fix="Count a coarser cost, or a smaller space.",
                facts={"cells": max(kept, at_work), "limit": MAX_CELLS},
            )

    def forward(self, cut: int, prime: int) -> list[Residues]:
        """For each state of the cut, the ways to reach it by cost, modulo a prime."""
        ways = [np.zeros(n, np.uint32) for n in self.length_before(0).tolist()]
        for state, steps in self.starts:
            ways[state][steps - self.low_before[0][state]] += 1
        for k in range(cut):
            ways = _step(
                ways, self.low_before[k], self.low_before[k + 1], self.length_before(k + 1),
                self.moves[k][:, [0, 1, 2, 3]], prime,
            )  # fmt: skip
        return ways

    def backward(self, cut: int, prime: int) -> list[Residues]:
        """For each state of the cut, the ways from it to the end by cost, modulo a prime."""
        ways = [np.ones(1, np.uint32) for _ in range(self.states[-1])]
        for k in reversed(range(cut, len(self.moves))):
            ways = _step(
                ways,
                self.low_after[k + 1],
                self.low_after[k],
                self.length_after(k),
                self.moves[k][:, [1, 0, 2, 3]],
                prime,
            )
        return ways


def _step(
    ways: list[Residues], low: list[int], new_low: list[int], length: IntArray, moves: IntArray, prime: int
) -> list[Residues]:
    """One stage: each move (from, to, cost, times) adds the ways of `from`, shifted by its cost, to those of `to`."""
    result: list[Residues] = []
    ordered = moves[np.argsort(moves[:, 1], kind="stable")]
    bounds = np.searchsorted(ordered[:, 1], np.arange(len(new_low) + 1))
    for state, size in enumerate(length.tolist()):
        total = np.zeros(size, np.int64)
        for origin, _, cost, times in ordered[bounds[state] : bounds[state + 1]].tolist():
            start = low[origin] + cost - new_low[state]
            part = total[start : start + len(ways[origin])]
            np.add(part, ways[origin] if times == 1 else ways[origin] * np.int64(times), out=part)
        result.append((total % prime).astype(np.uint32))
    return result


def _ranges_before(
    states: tuple[int, ...], starts: tuple[tuple[int, int], ...], moves: list[IntArray]
) -> tuple[list[list[int]], list[list[int]]]:
    low = np.full(states[0], np.iinfo(np.int64).max)
    high = np.full(states[0], np.iinfo(np.int64).min)
    for state, steps in starts:
        low[state], high[state] = min(low[state], steps), max(high[state], steps)
    lows, highs = [low], [high]
    for count, move in zip(states[1:], moves, strict=True):
        low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, np.iinfo(np.int64).min)
        np.minimum.at(low, move[:, 1], lows[-1][move[:, 0]] + move[:, 2])
        np.maximum.at(high, move[:, 1], highs[-1][move[:, 0]] + move[:, 2])
        lows.append(low)
        highs.append(high)
    return [x.tolist() for x in lows], [x.tolist() for x in highs]


def _ranges_after(states: tuple[int, ...], moves: list[IntArray]) -> tuple[list[list[int]], list[list[int]]]:
    lows, highs = [np.zeros(states[-1], np.int64)], [np.zeros(states[-1], np.int64)]
    for count, move in zip(reversed(states[:-1]), reversed(moves), strict=True):
        low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, np.iinfo(np.int64).min)
        np.minimum.at(low, move[:, 0], lows[-1][move[:, 1]] + move[:, 2])
        np.maximum.at(high, move[:, 0], highs[-1][move[:, 1]] + move[:, 2])
        lows.append(low)
        highs.append(high)
    return [x.tolist() for x in reversed(lows)], [x.tolist() for x in reversed(highs)]


def _primes(size: int) -> tuple[int, ...]:
    """The largest primes below 2**31 whose product exceeds `size`."""
    found: list[int] = []
    for prime in _falling_primes():
        found.append(prime)
        if prod(found) > size:
            return tuple(found)
    raise AssertionError("there are enough primes")


def _falling_primes() -> Iterator[int]:
    divisors = np.arange(3, 46_342, 2)
    for candidate in range(2**31 - 1, 2, -2):
        if (candidate % divisors).all():
            yield candidate
