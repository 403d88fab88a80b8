"""How good a subnet of a supernet is in INT8, without training it: recalibrate, observe, quantise, count right answers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nas.bank import Bank
from nas.interpreter import Folded, Mode, folded, recalibrate, run
from nas.quantise import Requantised, observe, saturate
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
        observed: how many calibration images the ranges are observed on.
        batch: images at a time.
    """

    bank: Bank
    calibration: Images
    validation: Images
    labels: Tensor
    observed: int = 256
    batch: int = 256

    def __call__(self, network: Network) -> float:
        """INT8 top-1 accuracy, 0-1."""
        side = network.input_shape[1]
        images = self.calibration(side)
        whole = len(images) - len(images) % self.batch or len(images)
        with torch.inference_mode():
            statistics = recalibrate(network, self.bank, images[:whole].split(self.batch))
            parameters = folded(network, self.bank.parameters(network), statistics)
            ranges = observe(network, Folded(parameters), images[: self.observed].split(self.batch))
            return accuracy(network, Requantised(network, parameters, ranges, saturate), self.validation(side), self.labels, self.batch)


def accuracy(network: Network, mode: Mode, images: Tensor, labels: Tensor, batch: int = 256) -> float:
    """Share of the images whose most likely class is right, 0-1."""
    with torch.inference_mode():
        right = sum(
            int((run(network, part, mode).argmax(1) == truth).sum())
            for part, truth in zip(images.split(batch), labels.split(batch), strict=True)
        )
    return right / len(labels)
