"""Turns a part into batches of float tensors: shuffled and augmented for training, or in order for evaluation.

A training batch is a pure function of seed and step number, so a resumed training needs no state but its step, and sees
the same images again. Not here: reading data (`dataset.py`), resizing (`resize.py`), the training loop itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.data.parts import Part

_ORDER: Final = 0x0D_E5
_AUGMENT: Final = 0xA0_63
"""Keep the random numbers of shuffling and augmentation apart from others of the same seed."""


@dataclass(frozen=True)
class Augment:
    """Random changes of training images; the same random numbers at every resolution.

    Attributes:
        shift: largest shift to each side, as a fraction of the side (rounded down to pixels); zeros move in.
        flip: mirror half of the images left to right. Off by default: digits, letters and many parts are not symmetric.
    """

    shift: float = 1 / 8
    flip: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.shift <= 0.5:
            raise ValueError(f"shift {self.shift} is not between 0 and 0.5")


AUGMENT: Final = Augment()
NO_AUGMENT: Final = Augment(shift=0.0)


class Batches:
    """An endless, seekable stream of training batches.

    Each epoch is a fresh permutation by seed and epoch; what does not fill its last batch is left out of that epoch.

    Args:
        parts: one part, or the same part at several resolutions, keyed by the side in pixels.
        batch_size: images of a batch; all images when there are fewer.
        seed: of order and augmentation.
        augment: what to change at random.
        device: where the images lie and batches are made; the random numbers are the same on each device.

    Raises:
        ValueError: no images, or parts that differ in their labels.
    """

    def __init__(
        self,
        parts: Part | Mapping[int, Part],
        batch_size: int,
        *,
        seed: int,
        augment: Augment = AUGMENT,
        device: torch.device | str = "cpu",
    ) -> None:
        by_side = {int(parts.images.shape[2]): parts} if isinstance(parts, Part) else dict(parts)
        first = next(iter(by_side.values()))
        if not len(first) or batch_size < 1:
            raise ValueError("a batch needs at least one image")
        if any(not np.array_equal(part.labels, first.labels) for part in by_side.values()):
            raise ValueError("the parts of all resolutions must hold the same images in the same order")
        self.batch_size = min(batch_size, len(first))
        self.seed = seed
        self.augment = augment
        self.steps_per_epoch = len(first) // self.batch_size
        self._device = torch.device(device)
        self._images = {side: torch.from_numpy(part.images).to(self._device) for side, part in by_side.items()}
        self._labels = torch.from_numpy(first.labels).to(self._device)
        self._epoch = -1
        self._permutation: NDArray[np.int64] = np.empty(0, np.int64)

    def indices(self, step: int) -> NDArray[np.int64]:
        """Which images step `step` (from 0) trains on: int64 (batch_size,)."""
        epoch, index = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = np.random.default_rng([self.seed, _ORDER, epoch])
            self._permutation, self._epoch = generator.permutation(len(self._labels)), epoch
        return self._permutation[index * self.batch_size : (index + 1) * self.batch_size]

    def batch(self, step: int, side: int | None = None) -> tuple[Tensor, Tensor]:
        """The batch of a step.

        Args:
            step: from 0.
            side: at which of the resolutions given; the only one, or the first, when None.

        Returns:
            Images, float32 (B, C, side, side), channels-last, pixels / 255; and labels, int64 (B,).
        """
        chosen = torch.from_numpy(self.indices(step)).to(self._device)
        images = self._images[next(iter(self._images)) if side is None else side].index_select(0, chosen)
        generator = np.random.default_rng([self.seed, _AUGMENT, step])
        images = _augmented(images, self.augment, generator.random((3, len(chosen))))
        return as_input(images), self._labels.index_select(0, chosen)


def evaluation_batches(part: Part, size: int, *, device: torch.device | str = "cpu") -> Iterator[tuple[Tensor, Tensor]]:
    """All images in order, unchanged, in batches of `size` (the last may be smaller), in the form of `Batches.batch`."""
    for start in range(0, len(part), size):
        images = torch.from_numpy(part.images[start : start + size]).to(device)
        yield as_input(images), torch.from_numpy(part.labels[start : start + size]).to(device)


def as_input(images: Tensor) -> Tensor:
    """uint8 (B, C, H, W) as what networks read: float32 pixels / 255, channels-last."""
    out = torch.empty(images.shape, dtype=torch.float32, device=images.device, memory_format=torch.channels_last)
    for channel in range(images.shape[1]):  # three times as fast as one conversion that also permutes
        out[:, channel] = images[:, channel]
    return out.div_(255)


def _augmented(images: Tensor, augment: Augment, random: NDArray[np.float64]) -> Tensor:
    """Flips and shifts uint8 (B, C, H, W) by three rows of random numbers in [0, 1)."""
    count, channels, height, width = images.shape
    if augment.flip:
        mirrored = torch.from_numpy(random[2] < 0.5).to(images.device)
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    reach = int(augment.shift * min(height, width))
    if not reach:
        return images
    padded = images.new_zeros((count, channels, height + 2 * reach, width + 2 * reach))
    padded[:, :, reach:-reach, reach:-reach] = images
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: (B, C, 2 reach + 1, 2 reach + 1, H, W)
    offsets = torch.from_numpy((random[:2] * (2 * reach + 1)).astype(np.int64)).to(images.device)
    return windows[torch.arange(count, device=images.device), :, offsets[0], offsets[1]]
