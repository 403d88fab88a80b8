"""Evaluates a subnet of a supernet in INT8, without training it: recalibrate, observe, quantise, predict.

Where a target's scheme is the one that ONNX Runtime has integer kernels for, the lowered file runs there, several times as
fast as the interpreter and with the same predictions. Other schemes are evaluated by the interpreter: with power-of-two scales the
subnet's weights are equalised, and its ranges observed, after its batch norm is folded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hw_targets.lowering import lower_int8
from hw_targets.scheme import AFFINE, Scheme
from nas.data.batches import as_input
from nas.data.splits import Split
from nas.equalise import equalised
from nas.errors import NotANumber
from nas.interpreter import BNFolded, ExecutionMode, Recalibration, folded, run
from nas.memory import keep_freed_memory
from nas.metrics import Scores, confusion
from nas.onnx_answers import predictor
from nas.quantise import FakeQuant, quantise, saturate
from nas.ranges import Observed, observe
from nas.spec import MetricName
from nas.supernet_weights import SupernetWeights
from search_spaces.network import Network

Images = Callable[[int], Tensor]
"""An image size in pixels to images (N, C, image_size, image_size) as float32 pixels / 255."""


@dataclass(frozen=True)
class Evaluator:
    """Evaluates subnets of one supernet. The same weights, images and thread count give the same results, bit for bit.

    Attributes:
        weights: of the supernet.
        calibration: training images for batch norm and ranges, without augmentation, classes mixed.
        validation: an image size in pixels to the images to evaluate on.
        metric: to compute.
        classes: how many there are.
        threads: of ONNX Runtime.
        scheme: the INT8 scheme.
        device: where the weights are. On a GPU the interpreter makes the predictions of the file there.
    """

    weights: SupernetWeights
    calibration: Images
    validation: Callable[[int], Split]
    metric: MetricName
    classes: int
    threads: int
    scheme: Scheme = AFFINE
    device: str = "cpu"

    def __call__(self, network: Network) -> Scores:
        """A subnet's INT8 scores on all validation images. Raises what `predictor` raises."""
        split = self.validation(network.input_shape[1])
        return Scores(confusion(split.labels, self.predictor(network)(split.images), self.classes), self.metric)

    def predictor(self, network: Network) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        """A subnet in INT8, calibrated: uint8 images (N, C, H, W) to the most likely class of each, int64 (N,).

        Raises:
            InvalidData: fewer than 32 calibration images.
            NotANumber: weights or batch norm's statistics are not finite.
        """
        quantised, floats = self.modes(network)
        if self.scheme.power_of_two or self.device != "cpu":
            return lambda images: mode_answers(network, quantised, images, device=self.device)
        model = lower_int8(network, quantise(network, floats.parameters, quantised.ranges, self.scheme))
        return predictor(model, threads=self.threads)

    def modes(self, network: Network) -> tuple[FakeQuant, BNFolded]:
        """A subnet as it would be deployed, in INT8 and in float. Raises what a call raises."""
        keep_freed_memory()
        images = self.calibration(network.input_shape[1])
        size = batch_size(network, self.device)
        parameters = self.weights.parameters(network)
        recalibration = Recalibration(parameters)
        observed = Observed(recalibration, self.scheme)
        with torch.inference_mode():
            for start in range(0, max(len(images) - len(images) % size, 1), size):
                mode: ExecutionMode = recalibration if self.scheme.power_of_two else observed
                run(network, images[start : start + size], mode)
            weights = folded(network, parameters, recalibration.statistics())
            _require_finite(weights)
            if self.scheme.power_of_two:
                weights = equalised(network, weights)
                ranges = observe(network, BNFolded(weights), images.split(size), self.scheme)
            else:
                ranges = observed.ranges(network)
            return FakeQuant(network, weights, ranges, saturate, self.scheme), BNFolded(weights)


def _require_finite(weights: Mapping[str, Tensor]) -> None:
    """Raises where weights with batch norm folded in, which holds the statistics of what was computed, cannot be quantised."""
    broken = [name for name, tensor in weights.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise NotANumber(
            f"{len(broken)} of {len(weights)} tensors of the network are not finite, first {broken[0]}.",
            fix="Train with a lower learning rate, or check the weights that training began from.",
            facts={"tensors": len(broken), "first": broken[0]},
        )


def batch_size(network: Network, device: str = "cpu") -> int:
    """Images to run at a time: few enough for their tensors to stay in a processor's cache, 64 of 28 x 28 pixels; on a GPU more."""
    if device != "cpu":
        return 256
    _, height, width = network.input_shape
    return min(max(64 * 28 * 28 // (height * width), 32), 512)


def mode_answers(
    network: Network, mode: ExecutionMode, images: NDArray[np.uint8], batch: int | None = None, *, device: str = "cpu"
) -> NDArray[np.int64]:
    """The most likely class of uint8 images (N, C, H, W) as a mode of the interpreter computes it, int64 (N,)."""
    size = batch or batch_size(network, device)
    with torch.inference_mode():
        found = [
            run(network, as_input(torch.from_numpy(images[start : start + size]).to(device)), mode).argmax(1)
            for start in range(0, len(images), size)
        ]
        return torch.cat(found).cpu().numpy()
