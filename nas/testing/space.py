"""The contract of a search space: it can be enumerated, built, trained, lowered and costed. Authors of a space subclass it:

    import pytest

    from nas.testing.space import SpaceContract
    from search_spaces.registry import space
    from search_spaces.space import SearchSpace


    class TestMySpace(SpaceContract):
        @pytest.fixture
        def space(self) -> SearchSpace:
            return space("my_space.py", resolution=8, channels=1, classes=10)

Small images keep it quick; a subclass for each size of images that matters is good practice.
"""

import itertools
import json
import math
import random

import numpy as np
import pytest
import torch
from torch import Tensor

from hw_targets.lowering import lower_int8
from latency_models.additive import MACS, PARAMS
from latency_models.compiled import compile_cost
from nas.interpreter import BNFolded, Training, folded, recalibrate, run
from nas.quantise import quantise, run_quantised
from nas.ranges import observe
from nas.supernet_weights import SupernetWeights
from search_spaces.cost import macs
from search_spaces.lattice import Lattice
from search_spaces.network import Network
from search_spaces.space import RESOLUTION, Architecture, SearchSpace

SAMPLES = 12
FEW = 3_000
"""Most assignments of values that are tried one by one."""
IMAGES = 32

_lattices: dict[str, Lattice] = {}


class SpaceContract:
    """What holds for every `search_spaces.space.SearchSpace` that classifies images."""

    @pytest.fixture
    def space(self) -> SearchSpace:
        """The space under test. To be overridden."""
        raise NotImplementedError("override the fixture `space`")

    @pytest.fixture
    def lattice(self, space: SearchSpace) -> Lattice:
        """The space, enumerated."""
        return _lattices.setdefault(space.fingerprint, Lattice.of(space))

    @pytest.fixture
    def architectures(self, space: SearchSpace) -> list[Architecture]:
        """The ends of the space, and some architectures between them."""
        rng = random.Random(0)
        sampled = [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(SAMPLES))]
        return list(dict.fromkeys(sampled))

    @pytest.fixture
    def weights(self, lattice: Lattice) -> SupernetWeights:
        """Weights of the supernet, untrained."""
        return SupernetWeights.of(lattice.layers(), seed=0)

    # --- Enumerated

    def test_its_first_choice_is_the_resolution(self, space: SearchSpace) -> None:
        assert space.choices[0] == space.resolution
        assert space.resolution.name == RESOLUTION

    def test_it_can_be_enumerated(self, lattice: Lattice, architectures: list[Architecture]) -> None:
        assert lattice.size >= len(architectures)
        codes = lattice.encode(architectures)
        assert lattice.decode(codes) == architectures
        assert np.array_equal(lattice.canonical(codes), codes)

    def test_a_small_space_is_counted_exactly(self, space: SearchSpace, lattice: Lattice) -> None:
        if math.prod(len(choice.values) for choice in space.choices) > FEW:
            return  # too many to be tried one by one
        names = [choice.name for choice in space.choices]
        every = itertools.product(*(choice.values for choice in space.choices))
        assert lattice.size == len({space.architecture(dict(zip(names, values, strict=True))) for values in every})

    def test_an_architecture_is_read_from_its_string(
        self, space: SearchSpace, architectures: list[Architecture]
    ) -> None:
        assert [space.parse(str(architecture)) for architecture in architectures] == architectures
        assert len({architecture.id for architecture in architectures}) == len(architectures)

    # --- Built

    def test_an_architecture_always_builds_the_same_network(
        self, space: SearchSpace, architectures: list[Architecture]
    ) -> None:
        for architecture in architectures:
            network = space.network(architecture)
            assert space.network(architecture) == network
            assert Network.from_json(json.loads(json.dumps(network.to_json()))) == network

    def test_a_network_reads_the_image_and_ends_in_the_classes(
        self, space: SearchSpace, architectures: list[Architecture]
    ) -> None:
        for architecture in architectures:
            network, image_size = space.network(architecture), dict(architecture.values)[RESOLUTION]
            assert network.input_shape == (space.channels, image_size, image_size)
            assert len(network.outputs) == 1
            assert network.by_name[network.outputs[0]].out_shape == (space.classes, 1, 1)

    def test_its_ends_are_its_smallest_and_largest_networks(
        self, space: SearchSpace, architectures: list[Architecture]
    ) -> None:
        smallest, largest = macs(space.network(space.smallest())), macs(space.network(space.largest()))
        for architecture in architectures:
            assert smallest <= macs(space.network(architecture)) <= largest, "list values from small to large"

    # --- Trained

    def test_networks_of_the_supernet_run(
        self, space: SearchSpace, architectures: list[Architecture], weights: SupernetWeights
    ) -> None:
        for architecture in architectures:
            network = space.network(architecture)
            leaves = weights.leaves(network)
            logits = run(network, _pixels(network, 4).float() / 255, Training(leaves))
            assert logits.shape == (4, space.classes)
            assert bool(torch.isfinite(logits).all())
            logits.square().sum().backward()
            assert all(leaf.grad is not None and bool(torch.isfinite(leaf.grad).all()) for leaf in leaves.values())

    # --- Lowered

    def test_the_lowered_file_computes_what_was_trained(self, space: SearchSpace, weights: SupernetWeights) -> None:
        for architecture in (space.smallest(), space.largest()):
            network = space.network(architecture)
            images = _pixels(network, IMAGES)
            pixels = [images.float() / 255]
            parameters = folded(network, weights.parameters(network), recalibrate(network, weights, pixels))
            quantised = quantise(network, parameters, observe(network, BNFolded(parameters), pixels))
            ours = run_quantised(network, quantised, images).numpy()
            difference = np.abs(ours - _runtime(lower_int8(network, quantised), images))
            step = quantised.ranges[network.outputs[0]].scale
            assert difference.mean() <= 2 * step  # of 255; a rounding that differs grows in a deep untrained network

    # --- Costed

    def test_costs_over_the_whole_space_are_those_of_its_networks(
        self, space: SearchSpace, lattice: Lattice, architectures: list[Architecture]
    ) -> None:
        for cost in (MACS, PARAMS):
            compiled = compile_cost(cost, lattice)
            exact = [cost.of(space.network(architecture)) for architecture in architectures]
            assert compiled.predict(lattice.encode(architectures)).tolist() == exact
            assert compiled.least[0] <= min(exact) <= max(exact) <= compiled.most[0]


def _pixels(network: Network, count: int) -> Tensor:
    """Random images, uint8 (count, channels, height, width)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, *network.input_shape), generator=generator, dtype=torch.uint8)


def _runtime(model: bytes, images: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Logits of a lowered file in ONNX Runtime, (N, classes)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"image": images.numpy()})[0])
