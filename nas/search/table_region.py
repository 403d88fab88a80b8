"""A region that lists its architectures: recorded tables, and spaces that are small enough to write down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.search.sampler import FloatArray, IntArray, keys
from search_spaces.errors import InvalidSpace
from search_spaces.space import Architecture, Choice, Value

MOST = 200_000
"""Architectures that a space may have to be listed."""
NEAREST_CELLS = 16_000_000
"""Pairs of architectures that are compared at a time."""


@dataclass(frozen=True)
class TableRegion:
    """Implements `nas.search.sampler.Region` over listed architectures.

    Attributes:
        choices: of the space.
        codes: (N, choices) value indices of the listed architectures, each once.
        latency_ms: (N,) theirs; all 0 where only the metric is searched.
        limit_ms: the highest latency that is allowed.
    """

    choices: tuple[Choice, ...]
    codes: IntArray
    latency_ms: FloatArray
    limit_ms: float = np.inf

    def __post_init__(self) -> None:
        if not len(self.codes) or not (self.latency_ms <= self.limit_ms).any():
            raise InvalidSpace("The table has no architecture inside the limit.", fix="Raise the limit.")

    @staticmethod
    def of_choices(
        choices: Mapping[str, Sequence[Value]],
        latency_ms: Callable[[Mapping[str, Any]], float] = lambda _: 0.0,
        limit_ms: float = np.inf,
    ) -> "TableRegion":
        """All combinations of named choices, with the latency of each.

        Raises:
            InvalidSpace: there are more than 200,000, or none within the limit.

        >>> region = TableRegion.of_choices({"width": (8, 16), "depth": (1, 2, 3)}, lambda v: v["width"] * v["depth"], limit_ms=24)
        >>> len(region.enumerated), region.range_ms
        (4, (8.0, 24.0))
        """
        named = tuple(Choice(name, tuple(values)) for name, values in choices.items())
        size = int(np.prod([len(c.values) for c in named], dtype=object))
        if size > MOST:
            raise InvalidSpace(
                f"The choices have {size:,} combinations, too many to list.",
                fix=f"Use at most {MOST:,}, or a search space with a latency table (`nas.search.region.LimitedRegion`).",
            )
        codes = np.indices([len(c.values) for c in named]).reshape(len(named), -1).T.astype(np.int64)
        values = ({c.name: c.values[v] for c, v in zip(named, row, strict=True)} for row in codes.tolist())
        return TableRegion(named, codes, np.array([latency_ms(v) for v in values], np.float64), limit_ms)

    @cached_property
    def _row(self) -> dict[bytes, int]:
        return {key: i for i, key in enumerate(keys(self.codes))}

    @cached_property
    def _inside(self) -> IntArray:
        """Rows within the limit."""
        return np.flatnonzero(self.latency_ms <= self.limit_ms)

    @cached_property
    def enumerated(self) -> IntArray:
        """All architectures within the limit."""
        return self.codes[self._inside]

    @cached_property
    def range_ms(self) -> tuple[float, float]:
        """Latency of the fastest architecture, and of the slowest within the limit."""
        inside = self.latency_ms[self._inside]
        return float(inside.min()), float(inside.max())

    @property
    def limited(self) -> bool:
        """Whether some listed architecture exceeds the limit."""
        return len(self._inside) < len(self.codes)

    @property
    def complete(self) -> bool:
        """Whether every combination of the choices is listed."""
        return bool(len(self.codes) == np.prod([len(c.values) for c in self.choices], dtype=float))

    def rows(self, codes: IntArray) -> IntArray:
        """The rows of architectures, -1 for those that are not listed."""
        return np.array([self._row.get(key, -1) for key in keys(codes)], np.int64)

    def predict_ms(self, codes: IntArray) -> FloatArray:
        """(N,) latency; infinite for architectures that are not listed."""
        rows = self.rows(codes)
        return np.where(rows < 0, np.inf, self.latency_ms[rows])

    def constraints(self, codes: IntArray) -> dict[str, FloatArray]:
        """By what share of the limit the latency of each exceeds it."""
        return {"latency": self.predict_ms(codes) / self.range_ms[1] - 1}

    def draw(self, low_ms: float, high_ms: float, count: int, rng: np.random.Generator) -> IntArray:
        """Uniform among the architectures of a band, (N, choices); none when the band is empty."""
        inside = self.latency_ms[self._inside]
        band = self._inside[(inside >= low_ms) & (inside <= high_ms)]
        return self.codes[rng.choice(band, count)] if len(band) else self.codes[:0]

    def encode(self, architectures: list[Architecture]) -> IntArray:
        """Value indices of architectures; a choice that they do not have is 0."""
        rows = [dict(a.values) for a in architectures]
        codes = [[c.values.index(row[c.name]) if c.name in row else 0 for c in self.choices] for row in rows]
        return np.array(codes, np.int64).reshape(-1, len(self.choices))

    def canonical(self, codes: IntArray) -> IntArray:
        """The same: a listed architecture has no inactive choices."""
        return codes

    def admitted(self, codes: IntArray) -> IntArray:
        """Those within the limit; for each that is not listed the nearest one that is, by the number of different choices."""
        rows = self.rows(codes)
        absent = np.flatnonzero(rows < 0)
        for part in np.array_split(absent, max(1, len(absent) * len(self._inside) // NEAREST_CELLS)):
            equal = self._one_hot(codes[part]) @ self._hot.T  # the number of equal choices, exactly
            rows[part] = self._inside[equal.argmax(axis=1)]
        return self.codes[rows[self.latency_ms[rows] <= self.limit_ms]]

    @cached_property
    def _hot(self) -> NDArray[np.float32]:
        """(M, values of all choices) one-hot values of the architectures within the limit."""
        return self._one_hot(self.enumerated)

    def _one_hot(self, codes: IntArray) -> NDArray[np.float32]:
        sizes = [len(choice.values) for choice in self.choices]
        hot = np.zeros((len(codes), sum(sizes)), np.float32)
        hot[np.arange(len(codes))[:, None], np.cumsum([0, *sizes[:-1]]) + codes] = 1.0
        return hot
