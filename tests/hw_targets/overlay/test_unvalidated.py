"""What no published number stands behind: labelled, and monotonous where it must be."""

import pytest

from hw_targets.errors import InvalidMachine
from hw_targets.overlay import unvalidated
from hw_targets.overlay.estimate import estimate
from hw_targets.overlay.registry import machine
from hw_targets.testing.networks import residual

U50 = machine("alveo-u50")


def test_what_is_unvalidated_says_so() -> None:
    network = residual(64)
    found = estimate(network, U50)
    joules = unvalidated.energy(found, U50)
    assert joules.low < joules.millijoules < joules.high and "not validated" in joules.label
    assert sum(joules.parts.values()) == pytest.approx(joules.millijoules)
    wide, sparse, train = (unvalidated.int16(network, U50), unvalidated.sparse(network, U50, 0.1),
                           unvalidated.training(network, U50))  # fmt: skip
    assert {wide.label, sparse.label, train.label} == {"unvalidated"}
    assert sparse.cycles < found.cycles < wide.cycles < train.cycles
    with pytest.raises(InvalidMachine):
        unvalidated.sparse(network, U50, 0.0)
    with pytest.raises(InvalidMachine, match="power"):
        unvalidated.energy(found, machine("kv260"))


def test_skipping_never_gains_from_more_weights() -> None:
    shares = [unvalidated.skipping(step / 100) for step in range(1, 101)]
    assert shares == sorted(shares) and shares[-1] == 1 and min(shares) >= 0.25
