"""pymoo's NSGA-II (Blank and Deb 2020) as a reference, over value indices. Not a benchmark; the package is optional.

Its operators are those that its manual gives for whole numbers, and a generation is scored at once, as its problems allow.
"""

import importlib.util
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ETA: Final = 3.0
"""Of crossover and mutation, the manual's for whole numbers."""

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def installed() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec("pymoo") is not None


def searched(
    sizes: list[int], costs: Callable[[IntArray], FloatArray], population: int, seed: int, go_on: Callable[[], bool]
) -> tuple[FloatArray, int]:
    """The (N, 2) costs of the front, and how many architectures were scored.

    Args:
        sizes: number of values of each choice.
        costs: (N, choices) value indices to (N, 2) costs, both to be low.
        population: of a generation.
        seed: of all random decisions.
        go_on: is asked after each generation.
    """
    algorithm = _nsga2(population)
    algorithm.setup(_problem(sizes, costs), termination=("n_gen", np.inf), seed=seed, verbose=False)
    algorithm.next()
    while go_on():
        algorithm.next()
    return np.asarray(algorithm.opt.get("F"), np.float64), int(algorithm.evaluator.n_eval)


def _nsga2(population: int) -> Any:
    repair = import_module("pymoo.operators.repair.rounding").RoundingRepair()
    return import_module("pymoo.algorithms.moo.nsga2").NSGA2(
        pop_size=population,
        sampling=import_module("pymoo.operators.sampling.rnd").IntegerRandomSampling(),
        crossover=import_module("pymoo.operators.crossover.sbx").SBX(prob=1.0, eta=ETA, vtype=float, repair=repair),
        mutation=import_module("pymoo.operators.mutation.pm").PM(prob=1.0, eta=ETA, vtype=float, repair=repair),
        eliminate_duplicates=True,
    )


def _problem(sizes: list[int], costs: Callable[[IntArray], FloatArray]) -> Any:
    base: Any = import_module("pymoo.core.problem").Problem

    class Front(base):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=len(sizes), n_obj=2, xl=0, xu=np.array(sizes) - 1, vtype=int)

        def _evaluate(self, x: IntArray, out: dict[str, FloatArray], *_: object, **__: object) -> None:
            out["F"] = costs(np.asarray(x, np.int64))

    return Front()
