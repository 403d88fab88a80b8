"""One architecture in full: grouped by stages, in the space that a search really used, and what binds it on a simulated target."""

import random
import sys
from pathlib import Path
from subprocess import run

import pytest

from hw_targets.registry import target
from hw_targets.timing import profiles
from latency_models.table import fit
from nas.describe import describe, find_space, predict
from search_spaces.errors import InvalidArchitecture
from search_spaces.registry import space

SIZE = {"resolution": 16, "channels": 3, "classes": 4}
TINY = {
    "name": "tiny",
    "activation": "relu",
    "stem": {"channels": 8},
    "stages": [
        {"block": "basic", "channels": [8, 16], "depth": [1, 2], "kernel": [3, 5], "stride": 2},
        {"block": "conv", "channels": 16},
    ],
}


def test_choices_stand_with_their_stage_beside_their_alternatives() -> None:
    made = space(TINY, **SIZE)
    architecture = made.architecture(dict(made.smallest().values))
    found = describe(made, architecture)
    stages = {stage.name: stage for stage in found.stages}
    assert list(stages) == ["input", "stem", "s1", "s2", "head"]
    assert [(c.name, c.value, c.alternatives, c.block) for c in stages["input"].choices] == [
        ("resolution", 16, (16,), None)
    ]
    assert [(c.name, c.value, c.alternatives, c.block) for c in stages["s1"].choices] == [
        ("s1.depth", 1, (1, 2), None),
        ("s1.width", 8, (8, 16), None),
        ("s1.b0.kernel", 3, (3, 5), "s1.b0"),
        ("s1.b1.kernel", None, (3, 5), "s1.b1"),
    ]
    assert stages["s1"].blocks == ("s1.b0",) and stages["s2"].choices == ()
    assert {layer.block for layer in found.layers} == {b for stage in found.stages for b in stage.blocks}


def test_layers_by_hand() -> None:
    made = space(TINY, **SIZE)
    found = describe(made, made.smallest())
    stem, *_, classifier = found.layers
    # 3x3 from 3 to 8 channels on 16x16: 8 x 27 x 256; bytes: 216 weights and 8 biases of 4
    assert (stem.name, stem.stage, stem.op, stem.kernel, stem.macs) == ("stem.conv", "stem", "conv", (3, 3), 55_296)
    assert (stem.params, stem.weight_bytes, stem.in_shapes, stem.out_shape) == (224, 248, ((3, 16, 16),), (8, 16, 16))
    assert (classifier.op, classifier.params, classifier.depthwise) == ("linear", 68, False)
    assert found.macs == sum(layer.macs for layer in found.layers)
    assert found.weight_bytes == sum(layer.weight_bytes for layer in found.layers)


def test_the_space_is_the_one_that_the_targets_demanded() -> None:
    for activation in ("relu6", "relu"):
        used = space(f"mobilenet:activation={activation}", **SIZE)
        selected = used.sample(random.Random(1))
        found, architecture = find_space("mobilenet:activation=relu6", str(selected), selected.id, **SIZE)
        assert (found.name, architecture) == (used.name, selected)
    with pytest.raises(InvalidArchitecture):
        find_space("mobilenet", "resolution=16", "0" * 12, **SIZE)


def test_a_simulated_target_says_what_binds_each_layer() -> None:
    overlay, made = target("alveo-u55c"), space(TINY, **SIZE)
    rng = random.Random(0)
    networks = list({n.id: n for n in (made.network(made.sample(rng)) for _ in range(40))}.values())
    table = fit(profiles(networks, list(overlay.sample(networks, rounds=1))), overlay.info)
    network = made.network(made.largest())
    found = predict(network, table)
    assert sum(part.latency_ms for part in found.parts) == pytest.approx(found.latency_ms)
    took = sum(part.simulated_ms or 0.0 for part in found.parts)
    assert found.simulated_ms is not None and took == pytest.approx(found.simulated_ms)
    bound = {part.name: part for part in found.parts if part.bound_by}
    assert bound.keys() >= {layer.name for layer in network.layers if layer.op == "conv"}
    assert {part.group for part in bound.values()} <= {layer.name for layer in network.layers}
    assert found.parts[0].of == "constant" and found.parts[0].bound_by is None


def test_a_measured_target_has_no_simulation() -> None:
    from tests.latency_models.synthetic import INFO, draw, profile

    rng = random.Random(0)
    table = fit([profile(draw(rng), rng) for _ in range(12)], INFO)  # a target that is not installed here
    found = predict(draw(rng), table)
    assert found.simulated_ms is None and all(part.bound_by is None for part in found.parts)


def test_it_loads_no_torch() -> None:
    command = "import sys, nas.describe; assert 'torch' not in sys.modules"
    assert run([sys.executable, "-c", command], cwd=Path(__file__).parents[2], check=False).returncode == 0
