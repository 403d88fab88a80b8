"""A space enumerated stage by stage: the states at each cut between stages and the transitions between them.

A state is the shape at the cut together with the shared choices that have been decided and that a later stage lists. A
transition is one way through a stage from one state: the choices decided in it, the block (tuple of layers) it builds, the
state it leads to. Choices are decided when a stage first reads them, so every path through the lattice is one canonical
architecture, and each architecture is one path. Sums over layers (latency, MACs) become sums along a path, exact and vectorised.

Not here: what a layer costs (`latency_models`), and networks themselves (`space.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import InvalidSpace
from search_spaces.network import Layer, Shape
from search_spaces.space import Architecture, SearchSpace, Stage, Value

IntArray = NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.float64)

CHUNK = 4096
"""Architectures that are looked up at a time, so that tables stay in the processor's cache."""
MAX_TRANSITIONS = 2_000_000
"""Per space. Beyond it, enumeration is rejected: stages should be small."""

_State = tuple[Shape, tuple[tuple[int, int], ...]]  # shape, ((choice index, value index), ...) in choice order


@dataclass(frozen=True)
class StageLattice:
    """One stage's transitions, T of them, from S states to the next cut's.

    Attributes:
        columns: indices into `space.choices` of the choices that the stage lists, C of them.
        sizes: how many values each has.
        source, target: (T,) state index before and after.
        block: (T,) index into `blocks`.
        decided: (T, C) value index of each listed choice, -1 where the stage did not read it.
        blocks: the distinct layer tuples; each reads the stage's input as `INPUT`.
        lookup: (S, product of sizes) transition index of a state and a mixed-radix code of all listed choices (the first
            listed is the most significant digit); -1 where the code contradicts the state.
    """

    columns: tuple[int, ...]
    sizes: tuple[int, ...]
    source: IntArray
    target: IntArray
    block: IntArray
    decided: IntArray
    blocks: tuple[tuple[Layer, ...], ...]
    lookup: IntArray

    def code(self, state: IntArray, columns: IntArray) -> IntArray:
        """(N,) index into the flat `lookup` of states (N,) and value indices (number of choices, N)."""
        code = state
        for column, size in zip(self.columns, self.sizes, strict=True):
            code = code * size + columns[column]
        return code


class _Undecided(Exception):
    def __init__(self, column: int) -> None:
        self.column = column


class _Partial(Mapping[str, Value]):
    """Values of the choices decided so far; reading another one interrupts the build."""

    def __init__(self, space: SearchSpace, index: Mapping[str, int], decided: Mapping[int, int]) -> None:
        self._space, self._index, self._decided = space, index, decided
        self.read: set[int] = set()

    def __getitem__(self, name: str) -> Value:
        column = self._index[name]
        if column not in self._decided:
            raise _Undecided(column)
        self.read.add(column)
        return self._space.choices[column].values[self._decided[column]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)


@dataclass(frozen=True)
class Lattice:
    """The whole chain. `initial[v]` is the state of the first cut for resolution value v, -1 where a sublattice (`sublattice.py`) has no
    architecture of that resolution; `states` counts them at each cut."""

    space: SearchSpace
    initial: IntArray
    stages: tuple[StageLattice, ...]
    states: tuple[int, ...]

    @staticmethod
    def of(space: SearchSpace) -> "Lattice":
        """Enumerates a space (about a second for the larger ones).

        Raises:
            InvalidSpace: a stage cannot fit one of the shapes that reach it, or the space is too large to enumerate.
        """
        sides = [int(v) for v in space.resolution.values]
        states: list[_State] = [((space.channels, side, side), ((0, v),)) for v, side in enumerate(sides)]
        listed = [{c.name for c in stage.choices} for stage in space.stages]
        states = _distinct([_forget(space, state, listed) for state in states])
        position = {state: i for i, state in enumerate(states)}
        first = [
            position[_forget(space, ((space.channels, side, side), ((0, v),)), listed)] for v, side in enumerate(sides)
        ]
        counts = [len(states)]
        stages: list[StageLattice] = []
        total = 0
        for k, stage in enumerate(space.stages):
            lattice, states = _enumerate(space, stage, states, listed[k + 1 :])
            total += len(lattice.source)
            if total > MAX_TRANSITIONS:
                raise InvalidSpace(
                    f"The space has more than {MAX_TRANSITIONS:,} ways through single stages.",
                    fix="Split stages that list many choices into smaller ones.",
                )
            stages.append(lattice)
            counts.append(len(states))
        return Lattice(space, np.array(first, np.int64), tuple(stages), tuple(counts))

    def layers(self) -> Iterator[Layer]:
        """Every layer of every block (a layer may come more than once)."""
        for stage in self.stages:
            for block in stage.blocks:
                yield from block

    @cached_property
    def size(self) -> int:
        """Number of architectures, exactly."""
        ways = [1] * self.states[-1]
        for k in reversed(range(len(self.stages))):
            stage, after = self.stages[k], ways
            ways = [0] * self.states[k]
            for source, target in zip(stage.source.tolist(), stage.target.tolist(), strict=True):
                ways[source] += after[target]
        return sum(ways[s] for s in self.initial.tolist() if s >= 0)

    def codes(self) -> IntArray:
        """Value indices (`size`, number of choices) of every architecture, inactive choices 0: for small spaces only."""
        codes = np.zeros((len(self.initial), len(self.space.choices)), np.int64)
        codes[:, 0] = np.arange(len(codes))
        state = self.initial
        for stage in self.stages:
            row, transition = np.nonzero(state[:, None] == stage.source)
            codes, decided = codes[row], stage.decided[transition]
            for position, column in enumerate(stage.columns):
                codes[:, column] = np.where(decided[:, position] >= 0, decided[:, position], codes[:, column])
            state = stage.target[transition]
        return codes

    def encode(self, architectures: list[Architecture]) -> IntArray:
        """Value indices (N, number of choices); inactive choices are 0."""
        codes = np.zeros((len(architectures), len(self.space.choices)), np.int64)
        index = {c.name: (i, {v: j for j, v in enumerate(c.values)}) for i, c in enumerate(self.space.choices)}
        for row, architecture in enumerate(architectures):
            for name, value in architecture.values:
                column, positions = index[name]
                codes[row, column] = positions[value]
        return codes

    def decode(self, codes: IntArray) -> list[Architecture]:
        """Canonical architectures of value indices (N, number of choices)."""
        choices = self.space.choices
        return [
            self.space.architecture({c.name: c.values[j] for c, j in zip(choices, row, strict=True)})
            for row in codes.tolist()
        ]

    def canonical(self, codes: IntArray) -> IntArray:
        """The same architectures with 0 for every inactive choice, so that equal rows are equal architectures."""
        result = np.zeros(codes.shape, np.int64)
        for start in range(0, len(codes), CHUNK):
            columns = np.ascontiguousarray(codes[start : start + CHUNK].T, dtype=np.intp)
            active = np.zeros(columns.shape, bool)
            active[0] = True
            state = self.initial[columns[0]]
            for stage, (target, read) in zip(self.stages, self._tables, strict=True):
                code = stage.code(state, columns)
                for column, by_code in zip(stage.columns, read, strict=True):
                    active[column] |= by_code.take(code)
                state = target.take(code)
            result[start : start + CHUNK] = np.where(active, columns, 0).T
        return result

    def by_code(self, values: Sequence[NDArray[Number]]) -> tuple[NDArray[Number], ...]:
        """Values of transitions, (T,) for each stage, in the order of the stage's flat `lookup`: what `sums` takes."""
        return tuple(
            np.asarray(value[stage.lookup.reshape(-1)]) for stage, value in zip(self.stages, values, strict=True)
        )

    def sums(
        self, initial: NDArray[Number], by_code: Sequence[NDArray[Number]], codes: NDArray[np.integer]
    ) -> NDArray[Number]:
        """(N,) sums along the ways of value indices (N, number of choices); values of inactive choices do not matter.

        Args:
            initial: (R,) of each resolution value.
            by_code: of the transitions, see `by_code`.
            codes: of the architectures.
        """
        result = np.empty(len(codes), initial.dtype)
        for start in range(0, len(codes), CHUNK):
            columns = np.ascontiguousarray(codes[start : start + CHUNK].T, dtype=np.intp)
            total, state = initial[columns[0]], self.initial[columns[0]]
            for stage, (target, _), value in zip(self.stages, self._tables, by_code, strict=True):
                code = stage.code(state, columns)
                total += value.take(code)
                state = target.take(code)
            result[start : start + CHUNK] = total
        return result

    @cached_property
    def _tables(self) -> tuple[tuple[IntArray, list[NDArray[np.bool_]]], ...]:
        """For each stage, the next state and whether it reads each listed choice, by `StageLattice.code`."""
        tables = []
        for stage in self.stages:
            lookup = stage.lookup.reshape(-1)
            tables.append(
                (stage.target[lookup], [np.ascontiguousarray(column[lookup] >= 0) for column in stage.decided.T])
            )
        return tuple(tables)

    def walk(self, codes: IntArray) -> Iterator[IntArray]:
        """For each stage in order, the (N,) transition that each row of `codes` takes."""
        state = self.initial[codes[:, 0]]
        for stage in self.stages:
            code = np.zeros(len(codes), np.int64)
            for column, size in zip(stage.columns, stage.sizes, strict=True):
                code = code * size + codes[:, column]
            transition = stage.lookup[state, code]
            yield transition
            state = stage.target[transition]


def _distinct(states: list[_State]) -> list[_State]:
    return list(dict.fromkeys(states))


def _forget(space: SearchSpace, state: _State, later: list[set[str]]) -> _State:
    shape, decided = state
    return shape, tuple((c, v) for c, v in decided if any(space.choices[c].name in names for names in later))


def _enumerate(
    space: SearchSpace, stage: Stage, states: list[_State], later: list[set[str]]
) -> tuple[StageLattice, list[_State]]:
    names = {c.name: i for i, c in enumerate(space.choices)}
    index = {c.name: names[c.name] for c in stage.choices}
    columns = tuple(index.values())
    sizes = tuple(len(c.values) for c in stage.choices)
    blocks: dict[tuple[Layer, ...], int] = {}
    after: dict[_State, int] = {}
    rows: list[tuple[int, int, int, list[int]]] = []
    lookup = np.full((len(states), *sizes), -1, np.int64)
    lists_later = {c: any(space.choices[c].name in names for names in later) for c in range(len(space.choices))}
    for source, (shape, known) in enumerate(states):
        pending: list[dict[int, int]] = [dict(known)]
        while pending:
            decided = pending.pop()
            values = _Partial(space, index, decided)
            try:
                layers = stage.layers(shape, values)
            except _Undecided as undecided:
                options = range(len(space.choices[undecided.column].values))
                pending.extend({**decided, undecided.column: v} for v in reversed(options))
                continue
            end = layers[-1].out_shape if layers else shape
            state = (end, tuple(sorted((c, v) for c, v in decided.items() if lists_later[c])))
            target = after.setdefault(state, len(after))
            where = tuple(decided.get(c, slice(None)) for c in columns)
            lookup[(source, *where)] = len(rows)
            read = [decided[c] if c in values.read else -1 for c in columns]
            rows.append((source, target, blocks.setdefault(layers, len(blocks)), read))
    table = np.array([row[:3] for row in rows], np.int64).reshape(-1, 3)
    decided_array = np.array([row[3] for row in rows], np.int64).reshape(len(rows), len(columns))
    lattice = StageLattice(
        columns,
        sizes,
        table[:, 0],
        table[:, 1],
        table[:, 2],
        decided_array,
        tuple(blocks),
        lookup.reshape(len(states), -1),
    )
    return lattice, list(after)
