"""Sets of limits that nothing meets: the conflict and the nearest feasible values, against every architecture of a space."""

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_models.additive import AdditiveCost
from latency_models.compiled import compile_cost
from latency_models.cost_limit import CostLimit
from latency_models.limits import CompiledLimits
from nas.errors import InfeasibleLimits
from nas.stages.limits import LatencyBound, check_limits
from search_spaces.cost import layer_macs
from search_spaces.lattice import Lattice
from search_spaces.registry import space as find_space

LATTICE = Lattice.of(find_space("resnet", resolution=8, channels=3, classes=10))
CODES = LATTICE.codes()
NAMES = ("macs", "weight_bytes", "peak_memory_bytes")
COSTS = CompiledLimits(LATTICE, tuple(CostLimit(name, 1) for name in NAMES))
WORK_IS_FAST = compile_cost(AdditiveCost("ticks", lambda layer: max(0, 60_000 - layer_macs(layer))), LATTICE)
"""A device on which a layer is the faster, the more it computes, so that a budget and limits exclude each other."""
VALUES = {
    "latency_ms": WORK_IS_FAST.predict(CODES),
    **{n: c.predict(CODES) for n, c in zip(NAMES, COSTS.costs, strict=True)},
}


def check(limits: dict[str, int], ticks: int | None = None) -> InfeasibleLimits | None:
    """The error of limits, with a budget in ticks, which stand for milliseconds here; none where they can be met."""
    latency = (
        None if ticks is None else LatencyBound(WORK_IS_FAST, ticks, f"runs within {ticks} ms on toy", lambda t: t)
    )
    try:
        check_limits("resnet", CompiledLimits(LATTICE, tuple(CostLimit(*one) for one in limits.items())), latency)
    except InfeasibleLimits as error:
        return error
    return None


def meeting(limits: dict[str, int]) -> int:
    """How many architectures meet limits, by trying all of them."""
    return int(np.all([VALUES[name] <= most for name, most in limits.items()], axis=0).sum())


def point(name: str, share: float) -> int:
    """A point of a cost's range."""
    least, most = int(VALUES[name].min()), int(VALUES[name].max())
    return least + int((most - least) * share)


def test_one_limit_below_the_smallest_network() -> None:
    assert check({"macs": 117_408}) is None
    error = check({"params": 10_000, "macs": 117_407})
    assert error is not None and "at most 117,407 multiply-accumulates: the smallest has 117,408." in error.detail
    assert error.facts == {"limits": {"macs": 117_407}, "nearest": {"macs": 117_408}, "proven": True}
    assert "macs=117408" in error.fix


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 0.4), min_size=4, max_size=4), st.permutations(NAMES))
def test_the_nearest_feasible_values_are_exact(shares: list[float], order: list[str]) -> None:
    limits = {name: point(name, share) for name, share in zip(order, shares[1:], strict=True)}
    budget = point("latency_ms", shares[0])
    error = check(limits, budget)
    assert (error is None) == (meeting({**limits, "latency_ms": budget}) > 0)
    if error is None:
        return
    conflict, nearest = (cast(dict[str, int], error.facts[key]) for key in ("limits", "nearest"))
    assert meeting(conflict) == 0 and error.facts["proven"]
    for name in conflict:
        others = {key: most for key, most in conflict.items() if key != name}
        assert meeting(others) > 0, "each of the limits is needed for the conflict"
        assert meeting({**others, name: nearest[name]}) > 0
        assert meeting({**others, name: nearest[name] - 1}) == 0


def test_a_pair_is_explained() -> None:
    fastest = int(VALUES["latency_ms"].min())
    smallest = int(VALUES["macs"][VALUES["latency_ms"] == fastest].min())
    error = check({"macs": smallest - 1, "weight_bytes": 10**9}, fastest)
    assert error is not None
    assert error.detail == (
        f"No architecture of 'resnet' that runs within {fastest} ms on toy has at most {smallest - 1:,} multiply-accumulates: "
        f"the smallest of those has {smallest:,}."
    )
    assert f"Give at least macs={smallest}, or a latency budget of " in error.fix


def test_limits_that_bind_nothing_are_met() -> None:
    assert check({"weight_bytes": 10**12, "peak_memory_bytes": 10**12}, 10**12) is None


@pytest.mark.parametrize("most", [1535, 0])
def test_too_little_memory(most: int) -> None:
    error = check({"peak_memory_bytes": most})
    assert error is not None and error.facts["nearest"] == {"peak_memory_bytes": 1536}
