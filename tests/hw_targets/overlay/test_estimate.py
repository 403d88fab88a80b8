"""What a user gets: figures that agree with each other, tenants, and what is unvalidated but labelled."""

import json
import random
import statistics
from collections import defaultdict
from pathlib import Path

import pytest

from hw_targets.overlay.estimate import cycles, estimate, layer_cycles
from hw_targets.overlay.registry import machine
from hw_targets.testing.networks import inverted_residuals, residual
from search_spaces.network import Network
from search_spaces.registry import space
from tests.hw_targets.overlay.networks import chain

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


STAGE = "kernel: [3, 5, 7], expansion: [3, 6], stride: 2"
SPACE = f"""
name: narrowed
resolution: [160, 192]
stem: {{channels: 32}}
stages:
  - {{block: inverted_residual, channels: [24, 32], depth: [2, 3], {STAGE}}}
  - {{block: inverted_residual, channels: [40, 48], depth: [2, 3], {STAGE}}}
  - {{block: inverted_residual, channels: [80, 96], depth: [2, 3], {STAGE}}}
"""


def test_a_table_of_layers_is_within_three_per_cent(tmp_path: Path) -> None:
    path = tmp_path / "narrowed.yaml"
    path.write_text(SPACE)
    sampled, rng, at = (
        space(str(path), resolution=192, channels=3, classes=100),
        random.Random(0),
        machine("alveo-u55c:dwc"),
    )
    networks = [sampled.network(sampled.sample(rng)) for _ in range(200)]
    table: dict[str, list[float]] = defaultdict(list)
    for network in networks[:160]:
        for name, own in layer_cycles(network, at).items():
            table[network.by_name[name].key].append(own)
    known = [n for n in networks[160:] if all(layer.key in table for layer in n.layers)]
    errors = [sum(statistics.mean(table[layer.key]) for layer in n.layers) / cycles(n, at) - 1 for n in known]
    assert len(known) > 20
    assert statistics.mean(map(abs, errors)) < 0.02 and max(map(abs, errors)) < 0.05
