"""Several networks on one board."""

import pytest
from hypothesis import given, settings

from hw_targets.errors import InvalidMachine
from hw_targets.overlay.estimate import estimate
from hw_targets.overlay.registry import machine
from hw_targets.overlay.tenants import TenantWorkload, share
from hw_targets.testing.networks import residual
from tests.hw_targets.overlay.networks import Sketch, sides, sketches

U50 = machine("alveo-u50")


def test_two_tenants_get_half_each_of_equal_kernels() -> None:
    network = residual(32)
    alone, shared = (
        share([TenantWorkload(network)], U50)[0],
        share([TenantWorkload(network)] * 2, machine("alveo-u50:tenants=2")),
    )
    assert [t.images_per_s for t in shared] == [pytest.approx(alone.images_per_s / 2)] * 2
    assert shared[0].latency_ms == alone.latency_ms


@given(sketches, sketches, sides)
@settings(max_examples=25)
def test_tenants_never_get_more_than_the_board(a: Sketch, b: Sketch, side: int) -> None:
    networks = [a.network(side), b.network(side)]
    for name in ("alveo-u55c", "alveo-u280", "alveo-u250"):
        at, shared = machine(name), machine(f"{name}:tenants=2")
        found = share(list(map(TenantWorkload, networks)), shared)
        parts = [t.images_per_s / estimate(n, at).images_per_s for t, n in zip(found, networks, strict=True)]
        assert min(parts) > 0 and sum(parts) <= 1 + 1e-9
        assert 2 <= sum(sum(t.kernels) for t in found) <= at.engines


def test_as_many_networks_as_tenants() -> None:
    with pytest.raises(InvalidMachine):
        share([TenantWorkload(residual())], machine("alveo-u50:tenants=2"))
