"""A lookup table of the simulator's cycles by layer, built from whole networks, predicts networks that are not in it."""

import random
import statistics
from collections import defaultdict
from pathlib import Path

from hw_targets.overlay.estimate import cycles, layer_cycles
from hw_targets.overlay.registry import machine
from search_spaces.registry import space

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
    drawn, rng, at = (
        space(str(path), resolution=192, channels=3, classes=100),
        random.Random(0),
        machine("alveo-u55c:dwc"),
    )
    networks = [drawn.network(drawn.sample(rng)) for _ in range(200)]
    table: dict[str, list[float]] = defaultdict(list)
    for network in networks[:160]:
        for name, own in layer_cycles(network, at).items():
            table[network.by_name[name].key].append(own)
    known = [n for n in networks[160:] if all(layer.key in table for layer in n.layers)]
    errors = [sum(statistics.mean(table[layer.key]) for layer in n.layers) / cycles(n, at) - 1 for n in known]
    assert len(known) > 20
    assert statistics.mean(map(abs, errors)) < 0.02 and max(map(abs, errors)) < 0.05
