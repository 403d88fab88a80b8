"""Turns a split into batches of float tensors, shuffled and augmented for training.

A training batch is a pure function of seed and step number, so a resumed training needs no state but its step, and sees
the same images again. Not here: reading data (`dataset.py`), resizing (`resize.py`), the training loop itself.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import log, log1p, radians
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nas.data.augment import LIGHT, NO_AUGMENT, Augment
from nas.data.splits import Split

_ORDER: Final = 0x0D_E5
_AUGMENT: Final = 0xA0_63
"""Keep the random numbers of shuffling and augmentation apart from others of the same seed."""


class Batches:
    """An endless, seekable stream of training batches.

    Each epoch is a fresh permutation by seed and epoch; what does not fill its last batch is left out of that epoch.

    Args:
        splits: one split, or the same split at several resolutions, keyed by the image size in pixels.
        batch_size: images of a batch; all images when there are fewer.
        seed: of order and augmentation.
        augment: what to change at random.
        device: where batches are computed; the random numbers are the same on each device.
        kept_there: whether all images lie on the device; if not, they lie in the machine's memory and a batch at a time moves.
        part: which of how many equal parts of each batch: the images are those of the whole batch, changed in the same way.

    Raises:
        ValueError: no images, or splits that differ in their labels.
    """

    def __init__(
        self,
        splits: Split | Mapping[int, Split],
        batch_size: int,
        *,
        seed: int,
        augment: Augment = LIGHT,
        device: torch.device | str = "cpu",
        kept_there: bool = True,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        by_size = {int(splits.images.shape[2]): splits} if isinstance(splits, Split) else dict(splits)
        first = next(iter(by_size.values()))
        if not len(first) or batch_size < 1:
            raise ValueError("a batch needs at least one image")
        if any(not np.array_equal(split.labels, first.labels) for split in by_size.values()):
            raise ValueError("the splits of all resolutions must hold the same images in the same order")
        self.batch_size = min(batch_size, len(first))
        index, count = part
        if not 0 <= index < count <= self.batch_size:
            raise ValueError(f"a batch of {self.batch_size} images has no part {index} of {count}")
        self._part = slice(self.batch_size * index // count, self.batch_size * (index + 1) // count)
        self.seed = seed
        self.augment = augment
        self.steps_per_epoch = len(first) // self.batch_size
        self._device = torch.device(device)
        self._images = {
            image_size: torch.from_numpy(split.images).to(self._device if kept_there else "cpu")
            for image_size, split in by_size.items()
        }
        self._labels = torch.from_numpy(first.labels).to(self._device)
        self._epoch = -1
        self._permutation: NDArray[np.int64] = np.empty(0, np.int64)

    def indices(self, step: int) -> NDArray[np.int64]:
        """Which images step `step` (from 0) trains on, in all parts: int64 (batch_size,)."""
        epoch, index = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = np.random.default_rng([self.seed, _ORDER, epoch])
            self._permutation, self._epoch = generator.permutation(len(self._labels)), epoch
        return self._permutation[index * self.batch_size : (index + 1) * self.batch_size]

    def batch(self, step: int, image_size: int | None = None) -> tuple[Tensor, Tensor]:
        """The batch of a step.

        Args:
            step: from 0.
            image_size: one of the resolutions given; the only one, or the first, when None.

        Returns:
            Images, float32 (B, C, image_size, image_size), channels-last, pixels / 255; and labels, int64 (B,), of its part.
        """
        selected = torch.from_numpy(self.indices(step)[self._part])
        whole = self._images[next(iter(self._images)) if image_size is None else image_size]
        images = whole.index_select(0, selected.to(whole.device)).to(self._device)
        generator = np.random.default_rng([self.seed, _AUGMENT, step])
        random = generator.random((RANDOMS, self.batch_size))[:, self._part]
        images = augmented(as_input(images), self.augment, random)
        return images, self._labels.index_select(0, selected.to(self._device))


def as_input(images: Tensor) -> Tensor:
    """uint8 (B, C, H, W) as the input of networks: float32 pixels / 255, channels-last."""
    out = torch.empty(images.shape, dtype=torch.float32, device=images.device, memory_format=torch.channels_last)
    for channel in range(images.shape[1]):  # three times as fast as one conversion that also permutes
        out[:, channel] = images[:, channel]
    return out.div_(255)


RANDOMS: Final = 11
"""Random numbers that an image is changed by."""


def augmented(images: Tensor, augment: Augment, random: NDArray[np.float64]) -> Tensor:
    """Changes float images (B, C, H, W), 0-1, by `RANDOMS` rows of random numbers in [0, 1), each (B,)."""
    if augment == NO_AUGMENT:
        return images
    return _coloured(_moved(images, augment, random[:8]), augment, random[8:])


def _moved(images: Tensor, augment: Augment, random: NDArray[np.float64]) -> Tensor:
    """By rows: right, down, turn, zoom, flip; shape, area and place of the crop share the last three with the first two."""
    if replace(augment, colour=0.0) == NO_AUGMENT:
        return images
    image_size = min(images.shape[2:])
    reach = int(augment.shift * image_size)
    right, down = (np.floor(random[:2] * (2 * reach + 1)) - reach) * 2 / image_size
    angle = (2 * random[2] - 1) * radians(augment.turn_deg)
    size = np.exp((2 * random[3] - 1) * log1p(augment.zoom))
    mirror = np.where(augment.flip & (random[4] < 0.5), -1.0, 1.0)
    width, height = np.ones_like(size), np.ones_like(size)
    if augment.crop < 1:
        area = augment.crop + (1 - augment.crop) * random[5]
        shape = np.exp((2 * random[6] - 1) * log(1.25) / 2)
        width, height = np.minimum(np.sqrt(area) * shape, 1), np.minimum(np.sqrt(area) / shape, 1)
        right, down = right + (2 * random[7] - 1) * (1 - width), down + (2 * random[0] - 1) * (1 - height)
    cos, sin = np.cos(angle) / size, np.sin(angle) / size
    # where each pixel comes from, in coordinates from -1 to 1 over the image
    rows = [[mirror * cos * width, -sin * height, right], [mirror * sin * width, cos * height, down]]
    origin = torch.from_numpy(np.array(rows, np.float32).transpose(2, 0, 1)).to(images.device)
    grid = F.affine_grid(origin, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False).contiguous(memory_format=torch.channels_last)


def _coloured(images: Tensor, augment: Augment, random: NDArray[np.float64]) -> Tensor:
    """By rows: brightness, contrast, saturation (none of grey images)."""
    if not augment.colour:
        return images
    factors = torch.from_numpy((1 + augment.colour * (2 * random - 1)).astype(np.float32)).to(images.device)
    brightness, contrast, saturation = (factor[:, None, None, None] for factor in factors)
    images = images * brightness
    images = torch.lerp(images.mean((1, 2, 3), keepdim=True), images, contrast)
    if images.shape[1] == 3:
        images = torch.lerp(images.mean(1, keepdim=True), images, saturation)
    return images.clamp(0, 1).contiguous(memory_format=torch.channels_last)
