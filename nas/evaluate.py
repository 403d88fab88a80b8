"""How good a subnet of a supernet is in INT8, without training it: recalibrate, observe, quantise, count right answers.

Each target's own scheme is judged: with power-of-two scales the subnet's weights are equalised, and its ranges observed, after
its batch norm is folded.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hw_targets.scheme import AFFINE, Scheme
from nas.bank import Bank
from nas.equalise import equalised
from nas.interpreter import Folded, Mode, Recalibration, folded, run
from nas.memory import keep_freed_memory
from nas.quantise import Requantised, saturate
from nas.ranges import Observed, observe
from search_spaces.network import Network

Images = Callable[[int], Tensor]
"""A side in pixels to images (N, C, side, side) as float32 pixels / 255."""


@dataclass(frozen=True)
class Evaluator:
    """Evaluates subnets of one bank. The same bank, images and thread count give the same answers, bit by bit.

    Attributes:
        bank: whose subnets.
        calibration: training images for batch norm and ranges, without augmentation.
        validation: images to judge by.
        labels: theirs, (N,).
        observed: how many calibration images the ranges are observed on, at least; in the same pass as batch norm where the
            weights are not changed after it.
        scheme: the form of INT8 that is judged.
    """

    bank: Bank
    calibration: Images
    validation: Images
    labels: Tensor
    observed: int = 256
    scheme: Scheme = AFFINE

    def __call__(self, network: Network) -> float:
        """INT8 top-1 accuracy, 0-1.

        Raises:
            InvalidData: fewer than 32 calibration images.
        """
        quantised, _ = self.modes(network)
        return accuracy(network, quantised, self.validation(network.input_shape[1]), self.labels)

    def modes(self, network: Network) -> tuple[Requantised, Folded]:
        """A subnet as it would be deployed, in INT8 and in float. Raises what a call raises."""
        keep_freed_memory()
        images = self.calibration(network.input_shape[1])
        size = batch_size(network)
        parameters = self.bank.parameters(network)
        recalibration = Recalibration(parameters)
        observed = Observed(recalibration, self.scheme)
        with torch.inference_mode():
            for start in range(0, max(len(images) - len(images) % size, 1), size):
                at_once = start < self.observed and not self.scheme.power_of_two
                mode: Mode = observed if at_once else recalibration
                run(network, images[start : start + size], mode)
            weights = folded(network, parameters, recalibration.statistics())
            if self.scheme.power_of_two:
                weights = equalised(network, weights)
                ranges = observe(network, Folded(weights), images[: self.observed].split(size), self.scheme)
            else:
                ranges = observed.ranges(network)
            return Requantised(network, weights, ranges, saturate, self.scheme), Folded(weights)


def batch_size(network: Network) -> int:
    """Images to run at a time: few enough for their tensors to stay in a processor's cache, 64 of 28 x 28 pixels."""
    _, height, width = network.input_shape
    return min(max(64 * 28 * 28 // (height * width), 32), 512)


def accuracy(network: Network, mode: Mode, images: Tensor, labels: Tensor, batch: int | None = None) -> float:
    """Share of the images whose most likely class is right, 0-1; `batch` images at a time, or `batch_size(network)`."""
    size = batch or batch_size(network)
    with torch.inference_mode():
        right = sum(
            int((run(network, part, mode).argmax(1) == truth).sum())
            for part, truth in zip(images.split(size), labels.split(size), strict=True)
        )
    return right / len(labels)
