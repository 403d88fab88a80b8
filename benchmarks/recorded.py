"""Recorded tables of architectures as oracles of the search benchmarks: what a search would measure is looked up.

Rows with equal choices are one architecture with their mean. Reading a table needs pyarrow. Not here: what is searched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.errors import InvalidData
from search_spaces.space import Choice, Value

FloatArray = NDArray[np.float64]

PREFIXES: Final = ("op.",)
"""Columns that hold choices begin with one of these by default: those of NAS-Bench-201."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded table.

    Attributes:
        choices: of the space; values as recorded, in ascending order.
        codes: (N, choices) value indices, each architecture once.
        columns: (N,) of each column that was requested.
    """

    choices: tuple[Choice, ...]
    codes: NDArray[np.int64]
    columns: dict[str, FloatArray]


def read(path: Path, prefixes: Sequence[str], columns: Sequence[str]) -> Recorded:
    """The choices of a parquet file, and the means of some columns for each architecture.

    Architectures that lack a value in one of the columns are left out.

    Raises:
        InvalidData: the file cannot be read, or has not these columns.
    """
    table = _table(path)
    names = [name for name in table.column_names if name.startswith(tuple(prefixes))]
    missing = [name for name in columns if name not in table.column_names]
    if missing or not names:
        raise InvalidData(
            f"{path.name} has no column {missing[0]!r}." if missing else f"{path.name} has no column of choices.",
            fix=f"Its columns are {', '.join(table.column_names)}; choices are selected by --encoding PREFIX.",
            facts={"columns": table.column_names},
        )
    values = [table[name].to_pylist() for name in names]
    choices = tuple(Choice(name, _ordered(column)) for name, column in zip(names, values, strict=True))
    index = [{value: i for i, value in enumerate(choice.values)} for choice in choices]
    codes = np.array([[at[v] for v in column] for at, column in zip(index, values, strict=True)], np.int64).T
    measured = np.stack([table[name].to_numpy().astype(np.float64) for name in columns], axis=1)
    complete = np.isfinite(measured).all(axis=1)
    unique, row = np.unique(codes[complete], axis=0, return_inverse=True)
    row = row.reshape(-1)
    counts = np.bincount(row)
    means = {
        name: np.bincount(row, weights=column) / counts
        for name, column in zip(columns, measured[complete].T, strict=True)
    }
    return Recorded(choices, unique, means)


def _ordered(column: Sequence[Value]) -> tuple[Value, ...]:
    return tuple(sorted(set(column), key=lambda v: (isinstance(v, str), v)))


def _table(path: Path) -> Any:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise InvalidData(
            "Recorded tables are read with pyarrow, which is not installed.", fix="Run `pip install pyarrow`."
        ) from error
    try:
        return parquet.read_table(path)
    except (OSError, ArrowException) as error:
        raise InvalidData(f"{path} cannot be read: {error}.", fix="Give a .parquet file.") from error
