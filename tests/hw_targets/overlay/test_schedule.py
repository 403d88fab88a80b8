"""The schedule: engines in order, overlap across layers, and what must hold of any network."""

import time
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_targets.overlay.estimate import cycles, estimate, layer_cycles
from hw_targets.overlay.fusion import groups
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.registry import machine
from hw_targets.overlay.schedule import ENGINES
from hw_targets.overlay.work import work
from search_spaces.builder import Graph
from search_spaces.network import Network
from tests.hw_targets.overlay.networks import Sketch, chain, sides, sketches

IDS = ("alveo-u55c:dwc", "alveo-u50", "alveo-u250", "kv260", "zcu102:isa1")
machines = st.sampled_from(IDS).map(machine)
SLACK = 1 + 1e-9


def with_ports(at: Machine, factor: float) -> Machine:
    """The machine with a board of less bandwidth and narrower ports."""
    ports = at.overlay.ports
    slower = replace(ports, load_bytes=max(1, int(ports.load_bytes * factor)), save_bytes=max(1, int(ports.save_bytes * factor)),
                     weight_bytes=max(1, int(ports.weight_bytes * factor)))  # fmt: skip
    memory = replace(at.board.memory, gb_per_s=at.board.memory.gb_per_s * factor)
    return replace(at, overlay=replace(at.overlay, ports=slower), board=replace(at.board, memory=memory))


def test_one_convolution_by_hand() -> None:
    at = machine("alveo-u55c:dwc")
    network = chain(64, 64, 64)
    arithmetic = 64 * 64 / 8 * 4 * 4 / 0.868
    load = save = 64 * 64 * 64 / 16
    found = estimate(network, at)
    tiles = found.stripes
    assert tiles > 1
    # the first stripe comes in while the layer is set up, is computed, and from then on the way out sets the pace
    paced = max(load / tiles, 2311) + arithmetic / tiles + 409 + save
    assert found.cycles == pytest.approx(paced)


def test_depthwise_and_pointwise_convolutions_overlap() -> None:
    g = Graph((64, 56, 56))
    x = g.conv("stem", g.input, 64)
    for number in range(6):
        x = g.conv(f"d{number}", x, 64, kernel=3, groups=64, activation="relu6")
        x = g.conv(f"p{number}", x, 64, activation="relu6")
    found = estimate(g.network("n"), machine("alveo-u55c:dwc"))
    demands = [group.demands for group in found.groups]
    serial = sum(max(d.values()) for d in demands)
    assert sum(d["depthwise engine"] for d in demands) < found.cycles < 0.9 * serial


def test_maps_beyond_the_banks_go_through_memory() -> None:
    at = machine("alveo-u55c:dwc")
    fits, exceeds = (estimate(chain(side, 64, 64, 64), at) for side in (112, 160))
    assert fits.load_bytes == 112 * 112 * 64
    assert exceeds.load_bytes == 2 * 160 * 160 * 64


def test_the_trace_agrees_with_the_schedule() -> None:
    network = chain(32, 16, 64, 64, 32, kernel=3)
    found = estimate(network, machine("alveo-u55c:dwc"), trace=True)
    assert max(interval.end for interval in found.intervals) == pytest.approx(found.cycles)
    for engine in ENGINES:
        own = [interval for interval in found.intervals if interval.engine == engine]
        assert all(a.end <= b.start * SLACK for a, b in pairwise(own))
    assert estimate(network, machine("alveo-u55c:dwc")).intervals == ()


@given(sketches, sides, machines, st.integers(1, 40))
@settings(max_examples=60)
def test_more_channels_never_make_it_faster(sketch: Sketch, side: int, at: Machine, wider: int) -> None:
    assert cycles(sketch.network(side), at) <= cycles(sketch.network(side, wider), at) * SLACK


@given(sketches, sides, machines, st.integers(1, 60))
@settings(max_examples=60)
def test_larger_maps_never_make_it_faster(sketch: Sketch, side: int, at: Machine, more: int) -> None:
    assert cycles(sketch.network(side), at) <= cycles(sketch.network(side + more), at) * SLACK


@given(sketches, sides, machines, st.floats(0.2, 1))
@settings(max_examples=60)
def test_a_slower_clock_never_makes_it_faster(sketch: Sketch, side: int, at: Machine, factor: float) -> None:
    slow = replace(at, clock_mhz=at.clock_mhz * factor)
    network = sketch.network(side)
    assert estimate(network, at).latency_ms <= estimate(network, slow).latency_ms * SLACK


@given(sketches, sides, machines, st.floats(0.1, 1))
@settings(max_examples=60)
def test_less_bandwidth_never_makes_it_faster(sketch: Sketch, side: int, at: Machine, factor: float) -> None:
    network = sketch.network(side)
    assert cycles(network, at) <= cycles(network, with_ports(at, factor)) * SLACK


@given(sketches, sides, machines)
@settings(max_examples=60)
def test_the_roofline_is_never_beaten(sketch: Sketch, side: int, at: Machine) -> None:
    network = sketch.network(side)
    found = estimate(network, at)
    works = [work(group, at) for group in groups(network, 16)]
    dense = sum(w.macs - w.depthwise_macs for w in works)
    seconds = found.cycles / at.clock_mhz / 1e6
    assert found.cycles >= dense / at.overlay.convolution.macs_per_cycle
    assert found.cycles >= sum(w.depthwise for w in works)
    moved = found.load_bytes + found.save_bytes + found.weight_bytes * len(at.kernels) / at.engines
    assert moved * at.engines <= at.board.memory.gb_per_s * 1e9 * seconds * SLACK
    assert found.achieved_tops <= found.attainable_tops * SLACK


@given(sketches, sides, machines)
@settings(max_examples=30)
def test_cycles_by_layer_add_up(sketch: Sketch, side: int, at: Machine) -> None:
    network = sketch.network(side)
    assert sum(layer_cycles(network, at).values()) == pytest.approx(cycles(network, at))


def sixty_layers() -> Network:
    g = Graph((3, 224, 224))
    x = g.conv("stem", g.input, 32, kernel=3, stride=2, activation="relu6")
    for number in range(14):
        stride = 2 if number in (2, 5, 9) else 1
        y = g.conv(f"e{number}", x, x.shape[0] * 3, activation="relu6")
        y = g.conv(f"d{number}", y, y.shape[0], kernel=3, stride=stride, groups=y.shape[0], activation="relu6")
        y = g.conv(f"p{number}", y, 32 * (1 + number // 3))
        x = g.add(f"a{number}", x, y) if x.shape == y.shape else y
    g.linear("fc", g.global_avg_pool("mean", x), 1000)
    return g.network("sixty")


def test_a_network_of_some_sixty_layers_takes_milliseconds() -> None:
    network, at = sixty_layers(), machine("alveo-u55c:dwc")
    times = []
    for _ in range(10):
        started = time.process_time()
        cycles(network, at)
        times.append(time.process_time() - started)
    assert min(times) < 0.03
