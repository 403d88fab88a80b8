"""INT8: the arithmetic by hand, ranges, and the interpreter against ONNX Runtime on the file that is lowered."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from hw_targets.float_lowering import lower_float
from hw_targets.lowering import lower_int8
from hw_targets.scheme import AFFINE, INPUT_RANGE, POWER_OF_TWO, SIGMOID_RANGE, Range, Scheme, affine
from hw_targets.weights import PRE, QuantLayer, QuantWeights
from nas.errors import InvalidData
from nas.interpreter import BNFolded, Recalibration, Training, float_weights, folded, recalibrate, run
from nas.quantise import (
    FakeQuant,
    integers,
    quantise,
    run_quantised,
    saturate,
    straight_through,
)
from nas.ranges import Observed, observe
from nas.supernet_weights import SupernetWeights
from nas.tensors import Tensors
from nas.training.config import TrainConfig
from nas.training.loop import train
from nas.training.single_network import SingleNetwork
from search_spaces.builder import Graph
from search_spaces.network import INPUT, Layer, Network
from tests.nas.networks import gated, inverted, residual

torch.set_num_threads(1)

Draw = Callable[..., Network]


def on_runtime(model: bytes, images: Tensor) -> NDArray[np.float32]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": split.numpy()})[0] for split in images.split(500)])


def pixels(count: int, image_size: int = 12, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 1, image_size, image_size), generator=generator, dtype=torch.uint8)


def untrained(network: Network, images: Tensor) -> Tensors:
    supernet_weights = SupernetWeights.of(network.layers, seed=0)
    return folded(network, supernet_weights.parameters(network), recalibrate(network, supernet_weights, [images]))


def test_a_convolution_by_hand() -> None:
    layer = Layer("c", "conv", (INPUT,), ((1, 1, 2),), (2, 1, 2), activation="relu")
    network = Network("one", (1, 1, 2), (layer,))
    own = QuantLayer(
        np.array([2, -3], np.int8).reshape(2, 1, 1, 1), np.array([0.5, 0.25], np.float32), np.array([10, 900], np.int32)
    )
    weights = QuantWeights({"c": own}, {INPUT: Range(1.0, 0), "c": Range(2.0, 0)})
    logits = run_quantised(network, weights, torch.tensor([[[[3, 200]]]], dtype=torch.uint8) * 1)
    # Inputs enter as pixels / 255, of which a range of scale 1 leaves round(3 / 255) = 0 and round(200 / 255) = 1.
    # First channel: 10 and 12 halves: 5 and 6, in steps of 2: round(2.5) = 2 (half to even) and 3. Second: 900 and 897
    # quarters: 225 and 224.25, in steps of 2: round(112.5) = 112 and round(112.125) = 112.
    assert logits.flatten().tolist() == [4.0, 6.0, 224.0, 224.0]


def test_weights_are_symmetric_per_channel_and_biases_on_the_grid() -> None:
    layer = Layer("c", "conv", (INPUT,), ((1, 1, 1),), (3, 1, 1))
    weight = torch.tensor([1.27, -2.54, 0.0]).reshape(3, 1, 1, 1)
    own = integers(layer, weight, torch.tensor([0.1, -1.0, 5.0]), 0.5, saturate)
    assert own.weight.flatten().tolist() == [127.0, -127.0, 0.0]
    assert own.scale[:2].tolist() == pytest.approx([0.01, 0.02])
    assert own.bias[:2].tolist() == [20.0, -100.0]  # 0.1 / (0.5 * 0.01), -1 / (0.5 * 0.02)
    # A dead channel's scale is raised until its bias is exact in single precision.
    assert own.bias[2] == 2.0**22 and own.bias[2] * own.scale[2] * 0.5 == pytest.approx(5.0)


def near(found: Range, scale: float, zero_point: int) -> bool:
    return found.scale == pytest.approx(scale) and found.zero_point == zero_point


def test_an_affine_range_holds_zero_exactly() -> None:
    assert near(affine(-1.0, 4.1), 0.02, 50)
    assert near(affine(0.5, 2.55), 0.01, 0)
    assert near(affine(-2.55, -1.0), 0.01, 255)
    assert affine(0.0, 0.0).scale > 0


def test_observed_ranges_follow_the_activations() -> None:
    network = gated()
    images = pixels(64).float() / 255
    weights = untrained(network, images)
    weights["head.weight"] *= 100
    ranges = observe(network, BNFolded(weights), images.split(32))
    assert ranges[INPUT] == INPUT_RANGE
    assert ranges["0.excite"] == SIGMOID_RANGE and "0.excite" + PRE not in ranges
    pre = ranges["head" + PRE]
    assert pre.scale * pre.zero_point == pytest.approx(3.0)  # a hard-swish reads nothing below -3
    relu6 = observe(
        inverted(), BNFolded({**untrained(inverted(), images), "head.bias": torch.full((32,), 50.0)}), [images]
    )
    assert near(relu6["head"], 6 / 255, 0)
    pooled = observe(residual(), BNFolded(untrained(residual(), images)), [images])
    assert pooled["pool"] == pooled["stem"] and pooled["stem"].zero_point == 0


def test_one_odd_image_weighs_little() -> None:
    g = Graph((1, 2, 2))
    g.global_avg_pool("mean", g.conv("c", g.input, 1, norm=False))
    weights = {"c.weight": torch.ones(1, 1, 1, 1), "c.bias": torch.zeros(1)}
    images = torch.ones(128, 1, 2, 2)
    images[5] = 9.0
    ranges = observe(g.network("n"), BNFolded(weights), images.split(64))
    # Eight groups of sixteen images: seven samples of 1 and one of 9. The output keeps its true extremes.
    assert ranges["c"].scale == pytest.approx(2.0 / 255)
    assert ranges["mean"].scale == pytest.approx(9.0 / 255)


def test_ranges_need_images() -> None:
    with pytest.raises(InvalidData, match="31 images"):
        observe(residual(), BNFolded(untrained(residual(), torch.rand(31, 1, 12, 12))), [torch.rand(31, 1, 12, 12)])


def test_ranges_may_be_observed_while_batch_norm_is_recalibrated() -> None:
    network, images = inverted(), pixels(64).float() / 255
    supernet_weights = SupernetWeights.of(network.layers, seed=0)
    mode = Recalibration(supernet_weights.parameters(network))
    at_once = Observed(mode)
    with torch.inference_mode():
        run(network, images, at_once)
    weights = folded(network, supernet_weights.parameters(network), mode.statistics())
    apart = observe(network, BNFolded(weights), [images])
    together = at_once.ranges(network)
    assert all(together[name].scale == pytest.approx(apart[name].scale, rel=1e-3) for name in apart)


def test_rounding_passes_gradients_straight_through_except_where_it_saturates() -> None:
    y = torch.tensor([-1.4, 0.5, 1.5, 2.6, 300.0], requires_grad=True)
    rounded = straight_through(y, 0.0, 255.0)
    assert rounded.tolist() == [0.0, 0.0, 2.0, 3.0, 255.0]
    torch.autograd.backward(rounded.sum())
    assert y.grad is not None and y.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("scheme", [AFFINE, POWER_OF_TWO], ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("draw", [inverted, residual, gated])
def test_all_quantised_modes_compute_the_same_numbers(draw: Draw, scheme: Scheme) -> None:
    network = draw()
    images = pixels(48)
    inputs = images.float() / 255
    weights = untrained(network, inputs)
    ranges = observe(network, BNFolded(weights), [inputs], scheme)
    emitted = run_quantised(network, quantise(network, weights, ranges, scheme), images, batch=20)
    trained = run(network, inputs, FakeQuant(network, weights, ranges, scheme=scheme))
    with torch.inference_mode():
        evaluated = run(network, inputs, FakeQuant(network, weights, ranges, saturate, scheme))
    assert torch.equal(trained, emitted) and torch.equal(evaluated, emitted)


@pytest.mark.parametrize("activation", ["relu", "relu6", "hard_swish", "hard_sigmoid", "sigmoid", "silu", "leaky_relu"])
def test_every_activation_agrees_with_the_runtime(activation: str) -> None:
    g = Graph((1, 12, 12))
    x = g.conv("a", g.input, 8, kernel=3, stride=2, activation=activation)
    x = g.conv("b", x, 8, kernel=3, groups=8)
    shape = (x.shape,)
    g.layers.append(Layer("act", "activation", ("b",), shape, x.shape, activation=activation))
    network = Network("n", (1, 12, 12), tuple(g.layers), ("act",))
    _assert_agrees(network)


def test_every_operator_agrees_with_the_runtime() -> None:
    g = Graph((1, 12, 12))
    x = g.conv("a", g.input, 8, kernel=3, activation="relu")
    small = g.avg_pool("avg", g.max_pool("max", x, kernel=3, stride=2), kernel=2, stride=2)
    gate = g.conv("gate", g.global_avg_pool("mean", x), 8, activation="sigmoid", norm=False)
    y = g.add("sum", g.mul("product", x, gate), x, activation="relu6")
    layers = (
        *g.layers,
        Layer("large", "resize", (small.name,), (small.shape,), y.shape),
        Layer("both", "concat", (y.name, "large"), (y.shape, y.shape), (16, 12, 12)),
        Layer("classes", "linear", ("both",), ((16, 12, 12),), (10, 1, 1)),
    )
    # A resize halves its steps exactly, and the runtime computes in floats on which side of a half it is.
    _assert_agrees(Network("n", (1, 12, 12), layers), same=0.9)


@pytest.mark.parametrize("image_size", [7, 9, 12, 14])
@pytest.mark.parametrize(
    "draw", [lambda image_size: inverted(image_size=image_size, activation="relu"), inverted, residual, gated]
)
def test_with_power_of_two_scales_the_runtime_agrees_bit_for_bit(draw: Draw, image_size: int) -> None:
    network, images = draw(image_size=image_size), pixels(100, image_size=image_size)
    weights = untrained(network, images.float() / 255)
    ranges = observe(network, BNFolded(weights), [images.float() / 255], POWER_OF_TWO)
    quantised = quantise(network, weights, ranges, POWER_OF_TWO)
    ours = run_quantised(network, quantised, images).numpy()
    np.testing.assert_array_equal(ours, on_runtime(lower_int8(network, quantised), images))


@pytest.mark.parametrize("activation", ["relu", "relu6", "hard_swish", "hard_sigmoid", "sigmoid", "silu", "leaky_relu"])
def test_with_power_of_two_scales_every_activation_agrees(activation: str) -> None:
    g = Graph((1, 12, 12))
    x = g.conv("b", g.conv("a", g.input, 8, kernel=3, stride=2, activation=activation), 8, kernel=3, groups=8)
    g.layers.append(Layer("act", "activation", ("b",), (x.shape,), x.shape, activation=activation))
    network, images = Network("n", (1, 12, 12), tuple(g.layers), ("act",)), pixels(64)
    weights = untrained(network, images.float() / 255)
    ranges = observe(network, BNFolded(weights), [images.float() / 255], POWER_OF_TWO)
    quantised = quantise(network, weights, ranges, POWER_OF_TWO)
    ours = run_quantised(network, quantised, images).numpy()
    theirs = on_runtime(lower_int8(network, quantised), images)
    assert np.abs(ours - theirs).max() <= 1.01 * quantised.ranges["act"].scale
    assert (ours == theirs).mean() > 0.999


def test_a_tensor_of_weights_has_one_power_of_two() -> None:
    layer = Layer("c", "conv", (INPUT,), ((1, 1, 1),), (3, 1, 1))
    weight = torch.tensor([1.27, -2.54, 0.01]).reshape(3, 1, 1, 1)
    own = integers(layer, weight, torch.tensor([0.1, -1.0, 5.0]), 0.5, saturate, POWER_OF_TWO)
    # 2.54 in 127 steps is 0.02 a step; the next power of two is 1/32, and 1/64 would saturate at 1.98.
    assert own.scale.tolist() == [1 / 32] * 3
    assert own.weight.flatten().tolist() == [41.0, -81.0, 0.0]
    assert own.bias.tolist() == [6.0, -64.0, 320.0]


def _assert_agrees(network: Network, same: float = 0.995) -> None:
    """The interpreter and the runtime differ nowhere by more than one output step, and not at all in a share of the values."""
    images = pixels(64)
    weights = untrained(network, images.float() / 255)
    quantised = quantise(network, weights, observe(network, BNFolded(weights), [images.float() / 255]))
    ours = run_quantised(network, quantised, images).numpy()
    theirs = on_runtime(lower_int8(network, quantised), images)
    step = quantised.ranges[network.outputs[0]].scale
    assert np.abs(ours - theirs).max() <= 1.01 * step
    assert (np.abs(ours - theirs) < step / 2).mean() > same


@pytest.fixture(scope="module")
def fashion(test_data: Path) -> dict[str, Tensor]:
    arrays = np.load(test_data / "fashion_mnist" / "fashion_mnist.npz")
    return {name: torch.from_numpy(arrays[name]) for name in ("train_x", "train_y", "test_x", "test_y")}


def trained(network: Network, data: dict[str, Tensor], steps: int) -> Tensors:
    """Folded weights after some steps on Fashion-MNIST."""

    def batch(step: int, image_size: int) -> tuple[Tensor, Tensor]:
        split = slice(64 * step, 64 * step + 64)
        return data["train_x"][split, None].float() / 255, data["train_y"][split].long()

    supernet_weights = SupernetWeights.of(network.layers, seed=0)
    config = TrainConfig(batch_size=64, learning_rate=0.03)
    train(SingleNetwork(network, supernet_weights.tensors, Training, batch, config), config, steps)
    plain = {name: tensor.detach() for name, tensor in supernet_weights.tensors.items()}
    calibration = data["train_x"][:512, None].float() / 255
    return folded(network, plain, recalibrate(network, SupernetWeights(plain), [calibration]))


@pytest.mark.parametrize("draw", [inverted, residual, gated])
def test_trained_networks_agree_with_the_runtime(draw: Draw, fashion: dict[str, Tensor]) -> None:
    network = draw(image_size=28)
    weights = trained(network, fashion, steps=120)
    calibration = fashion["train_x"][:128, None].float() / 255
    quantised = quantise(network, weights, observe(network, BNFolded(weights), [calibration]))
    images, labels = fashion["test_x"][:, None], fashion["test_y"].numpy()
    ours = run_quantised(network, quantised, images).numpy()
    theirs = on_runtime(lower_int8(network, quantised), images)
    assert len(images) == 5000
    assert (ours.argmax(1) == theirs.argmax(1)).mean() >= 0.999
    assert (ours.argmax(1) == labels).mean() > 0.65  # it was indeed trained
    with torch.inference_mode():
        plain = torch.cat([run(network, split.float() / 255, BNFolded(weights)) for split in images.split(250)]).numpy()
    assert (ours.argmax(1) == labels).mean() > (plain.argmax(1) == labels).mean() - 0.01


@pytest.mark.parametrize("draw", [inverted, gated])
def test_accuracy_is_no_worse_than_that_of_the_runtimes_own_quantiser(
    draw: Draw, fashion: dict[str, Tensor], tmp_path: Path
) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    network = draw(image_size=28)
    weights = trained(network, fashion, steps=120)
    calibration = fashion["train_x"][:128, None].float() / 255
    ours = quantise(network, weights, observe(network, BNFolded(weights), [calibration]))
    (tmp_path / "float.onnx").write_bytes(lower_float(network, float_weights(network, weights)))

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches = iter(fashion["train_x"][:128, None].split(32))

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            batch = next(self.batches, None)
            return None if batch is None else {"image": batch.numpy()}

    quantize_static(
        tmp_path / "float.onnx", tmp_path / "int8.onnx", Reader(), per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip
    images, labels = fashion["test_x"][:, None], fashion["test_y"].numpy()
    right = run_quantised(network, ours, images).numpy().argmax(1) == labels
    theirs = on_runtime((tmp_path / "int8.onnx").read_bytes(), images).argmax(1) == labels
    # Paired over 5,000 images, of which a few in a hundred differ: the standard error is about 0.35 points.
    assert right.mean() > theirs.mean() - 0.01
