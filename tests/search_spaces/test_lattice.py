"""The lattice against brute force: every path is one canonical architecture, and every architecture one path."""

import itertools
import random
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.builder import Graph, Tensor
from search_spaces.declarative import SpaceSpec
from search_spaces.lattice import Lattice
from search_spaces.registry import space
from search_spaces.space import Architecture, Choice, SearchSpace, Stage, Value

SMALL = {
    "name": "small",
    "resolution": [6, 8],
    "stages": [
        {"block": "basic", "channels": [8, 16], "depth": [1, 2], "expansion": [1, 2], "stride": 2},
        {
            "block": "inverted_residual",
            "channels": [8],
            "depth": [1, 2],
            "kernel": [3, 5],
            "squeeze_excite": [False, True],
        },
    ],
}


ONE = {"name": "one", "stages": [{"block": "conv", "channels": [8], "depth": [1], "kernel": [3]}]}


def small() -> SearchSpace:
    return SpaceSpec.parse(SMALL).build(resolution=8, channels=1, classes=3)


def every_architecture(of: SearchSpace) -> set[Architecture]:
    names = [c.name for c in of.choices]
    return {
        of.architecture(dict(zip(names, values, strict=True)))
        for values in itertools.product(*(c.values for c in of.choices))
    }


def test_size_counts_canonical_architectures() -> None:
    # resolution 2 x [width 2 x (depth 1: expansion 2, depth 2: 2 x 2)] x [attention 2 x (depth 1: kernel 2, depth 2: 2 x 2)]
    assert Lattice.of(small()).size == 2 * (2 * (2 + 4)) * (2 * (2 + 4)) == len(every_architecture(small()))


def test_codes_are_every_architecture_once() -> None:
    for lattice in (Lattice.of(small()), Lattice.of(SpaceSpec.parse(ONE).build(resolution=8, channels=1, classes=3))):
        architectures = lattice.decode(lattice.codes())
        assert len(architectures) == len(set(architectures)) == lattice.size
        assert set(architectures) == every_architecture(lattice.space)
        assert lattice.encode(architectures).tolist() == lattice.codes().tolist()


def test_walk_draws_the_layers_of_the_network() -> None:
    lattice = Lattice.of(small())
    for architecture in sorted(every_architecture(small()), key=str):
        ways = [w[0] for w in lattice.walk(lattice.encode([architecture]))]
        keys = [
            layer.key
            for stage, way in zip(lattice.stages, ways, strict=True)
            for layer in stage.blocks[stage.block[way]]
        ]
        assert keys == [layer.key for layer in small().network(architecture).layers]


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_encode_and_decode_are_inverse(seed: int) -> None:
    of = space("mobilenet", resolution=28, channels=1, classes=10)
    lattice = Lattice.of(of)
    architectures = [of.sample(random.Random(seed + i)) for i in range(3)]
    assert lattice.decode(lattice.encode(architectures)) == architectures


def test_inactive_values_do_not_matter() -> None:
    lattice = Lattice.of(small())
    names = [c.name for c in small().choices]
    codes = np.zeros((2, len(names)), np.int64)
    codes[1, names.index("s2.b1.kernel")] = 1  # depth 1: the second block is not there
    assert lattice.decode(codes)[0] == lattice.decode(codes)[1]
    assert all(a == b for a, b in (w.tolist() for w in lattice.walk(codes)))


def test_a_choice_first_read_late_is_counted_once() -> None:
    """A flag that only deep networks read must not double the shallow ones."""
    deep, flag = Choice("deep", (False, True)), Choice("flag", (1, 2, 3))

    def first(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        return g.conv("conv", x, 8 * int(read["flag"]), kernel=3) if read["deep"] else g.conv("conv", x, 8)

    def second(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        return g.conv("conv", x, 8 * int(read["flag"])) if read["deep"] else x

    of = SearchSpace(
        "late", 1, 2, Choice("resolution", (8,)), (Stage("a", (deep, flag), first), Stage("b", (deep, flag), second))
    )
    assert Lattice.of(of).size == 1 + 3 == len(every_architecture(of))


@pytest.mark.parametrize("name", ["mobilenet", "mobilenet:activation=hard_swish", "resnet", "resnet:block=bottleneck"])
@pytest.mark.parametrize("resolution", [8, 28, 96, 224])
def test_known_spaces_scale(name: str, resolution: int) -> None:
    of = space(name, resolution=resolution, channels=3, classes=10)
    lattice = Lattice.of(of)
    assert lattice.size > 10_000
    last = [layer for layer in of.network(of.largest()).layers if layer.op == "global_avg_pool"][-1]
    assert 3 <= last.in_shapes[0][1] <= 8
