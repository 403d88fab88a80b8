"""What a user gets: figures that agree with each other, tenants, and what is unvalidated but labelled."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from hw_targets.errors import InvalidMachine
from hw_targets.overlay import unvalidated
from hw_targets.overlay.estimate import estimate
from hw_targets.overlay.registry import machine
from hw_targets.overlay.roofline import tpu_v1
from hw_targets.overlay.tenants import Asked, share
from hw_targets.testing.networks import inverted_residuals, residual
from search_spaces.network import Network
from tests.hw_targets.overlay.networks import Sketch, chain, sides, sketches

U50, U55C = machine("alveo-u50"), machine("alveo-u55c:dwc")


def test_latency_and_throughput() -> None:
    found = estimate(chain(32, 64, 64, 64), U55C)
    assert found.latency_ms == pytest.approx(found.cycles / 300e3)
    assert found.images_per_s == pytest.approx(11 * 300e6 / found.cycles)
    half = estimate(chain(32, 64, 64, 64), machine("alveo-u55c:clock=150"))
    assert half.cycles == found.cycles and half.latency_ms == pytest.approx(2 * found.latency_ms)


def test_groups_add_up_and_say_what_binds_them() -> None:
    found = estimate(residual(32), U55C)
    assert sum(group.cycles for group in found.groups) == pytest.approx(found.cycles)
    assert sum(group.weight_bytes for group in found.groups) == found.weight_bytes
    for group in found.groups:
        assert group.demands[group.bound_by] == max(group.demands.values())


@pytest.mark.parametrize("network, bound", [
    (chain(56, 256, 256, kernel=3), "arithmetic"), (chain(64, 64, 16), "maps in"), (chain(64, 16, 64), "maps out"),
    (chain(1, 2048, 2048), "weights"), (chain(2, 16, 16), "instruction overhead"),
])  # fmt: skip
def test_what_binds(network: Network, bound: str) -> None:
    assert estimate(network, U55C).groups[0].bound_by == bound


def test_it_is_one_json_document() -> None:
    document = json.loads(json.dumps(estimate(inverted_residuals("relu6"), U55C, trace=True).to_json()))
    assert document["kind"] == "simulated" and document["intervals"] and document["groups"][0]["demands"]


def test_two_tenants_get_half_each_of_equal_kernels() -> None:
    network = residual(32)
    alone, shared = share([Asked(network)], U50)[0], share([Asked(network)] * 2, machine("alveo-u50:tenants=2"))
    assert [t.images_per_s for t in shared] == [pytest.approx(alone.images_per_s / 2)] * 2
    assert shared[0].latency_ms == alone.latency_ms


@given(sketches, sketches, sides)
@settings(max_examples=25)
def test_tenants_never_get_more_than_the_card(a: Sketch, b: Sketch, side: int) -> None:
    networks = [a.network(side), b.network(side)]
    for name in ("alveo-u55c", "alveo-u280", "alveo-u250"):
        at, shared = machine(name), machine(f"{name}:tenants=2")
        found = share(list(map(Asked, networks)), shared)
        parts = [t.images_per_s / estimate(n, at).images_per_s for t, n in zip(found, networks, strict=True)]
        assert sum(parts) <= 1 + 1e-9
        assert sum(sum(t.kernels) for t in found) <= at.engines


def test_as_many_networks_as_tenants() -> None:
    with pytest.raises(InvalidMachine):
        share([Asked(residual())], machine("alveo-u50:tenants=2"))


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


def test_the_tpu_keeps_below_its_roof() -> None:
    """Jouppi et al. 2017: at 34 GB/s the first four are bound by 13.6, 11.4, 4.4 and 6.5 TOPS."""
    tpu = tpu_v1()
    roofs = [tpu.attainable_tops(workload.macs_per_weight_byte) for workload in tpu.workloads]
    assert roofs == pytest.approx([13.6, 11.4, 4.4, 6.5, 92, 92], abs=0.05)
    assert all(workload.tops <= roof for workload, roof in zip(tpu.workloads, roofs, strict=True))


def test_a_machine_is_a_value() -> None:
    assert hash(U50) == hash(machine("alveo-u50")) and machine("alveo-u50") == U50
    assert replace(U50, clock_mhz=100) != U50
