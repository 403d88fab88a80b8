"""Supernet weights: parameters keyed by layer name, each as large as the largest layer of that name.

A layer's own weights are a slice of the supernet: leading channels, centred kernel. Layers that share a name share weights.
Not here: how a network is run with them (`interpreter.py`) or trained (`training/`).
Batch-norm statistics belong to a subnet, not to the supernet.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor

from nas.tensors import Tensors, pack, unpack
from search_spaces.errors import InvalidSpace
from search_spaces.network import Layer, Network

WEIGHT: Final = ".weight"
BIAS: Final = ".bias"
GAMMA: Final = ".gamma"
BETA: Final = ".beta"

Shape4 = tuple[int, int, int, int]


def weight_extent(layer: Layer) -> Shape4:
    """Shape of a layer's weight in the supernet: (out, in / groups, height, width); a `linear` keeps its input's height and width."""
    if layer.op == "linear":
        return (layer.out_shape[0], *layer.in_shapes[0])
    return layer.weight_shape


class SupernetWeights:
    """Parameters by name: `<layer>.weight`, and `<layer>.gamma` and `.beta` where the layer is normalised, else `.bias`.

    Attributes:
        tensors: the parameters; weights are (out, in / groups, height, width), the others (out,).
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors: Tensors = {
            name: tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor.contiguous()
            for name, tensor in sorted(tensors.items())
        }

    @staticmethod
    def of(layers: Iterable[Layer], seed: int, device: str | torch.device = "cpu") -> "SupernetWeights":
        """Freshly initialised weights for all these layers, whatever their order.

        Convolutions start at He's normal initialisation (fan-in of the largest layer), linear layers at a tenth of it.

        Raises:
            InvalidSpace: layers of one name cannot share weights.
        """
        extents: dict[str, Shape4] = {}
        kinds: dict[str, tuple[str, bool]] = {}
        for layer in layers:
            if not layer.has_weights:
                continue
            kind = (layer.op, layer.norm)
            if kinds.setdefault(layer.name, kind) != kind:
                raise InvalidSpace(
                    f"Layers named {layer.name!r} cannot share weights: they differ in operator or in normalisation.",
                    fix="Give layers that must not share weights different names.",
                    facts={"layer": layer.name},
                )
            extent = weight_extent(layer)
            known = extents.get(layer.name, extent)
            extents[layer.name] = tuple(map(max, known, extent))  # type: ignore[assignment]
        tensors: Tensors = {}
        for name, extent in extents.items():
            tensors.update(_initial(name, kinds[name], extent, seed))
        return SupernetWeights({name: tensor.to(device) for name, tensor in tensors.items()})

    def parameters(self, network: Network) -> Tensors:
        """Views of these weights that are a network's parameters; writing through them changes the supernet.

        Raises:
            InvalidSpace: the supernet has no parameters of a layer's name, or smaller ones.
        """
        return _views(self.tensors, network)

    def leaves(self, network: Network) -> Tensors:
        """A network's parameters as separate leaves for autograd: cheaper than gradients through slices."""
        return {name: _leaf(view) for name, view in self.parameters(network).items()}

    def add_gradients(self, network: Network, leaves: Mapping[str, Tensor]) -> None:
        """Adds the gradients of a network's `leaves` to those of the supernet (`grad` of its tensors)."""
        for tensor in self.tensors.values():
            if tensor.grad is None:
                tensor.grad = torch.zeros_like(tensor)
        gradients = {name: tensor.grad for name, tensor in self.tensors.items() if tensor.grad is not None}
        for name, view in _views(gradients, network).items():
            own = leaves[name].grad
            if own is not None:
                view.add_(own)

    def to_bytes(self, note: Mapping[str, object] | None = None) -> bytes:
        """The weights as a safetensors blob."""
        return pack(self.tensors, note or {})

    @staticmethod
    def from_bytes(blob: bytes, device: str | torch.device = "cpu") -> "SupernetWeights":
        """The inverse of `to_bytes`.

        Raises:
            StoreCorrupt: the bytes are no such blob.
        """
        tensors, _ = unpack(blob)
        return SupernetWeights({name: tensor.to(device) for name, tensor in tensors.items()})


def _views(tensors: Mapping[str, Tensor], network: Network) -> Tensors:
    """The network's slices of a supernet's tensors, or of tensors of the same extents."""
    views: Tensors = {}
    for layer in network.layers:
        if layer.has_weights:
            for role in (WEIGHT, GAMMA, BETA) if layer.norm else (WEIGHT, BIAS):
                views[layer.name + role] = _view(tensors.get(layer.name + role), layer, role)
    return views


def _view(whole: Tensor | None, layer: Layer, role: str) -> Tensor:
    extent: tuple[int, ...] = weight_extent(layer) if role == WEIGHT else (layer.out_shape[0],)
    if whole is None or any(size > limit for size, limit in zip(extent, whole.shape, strict=True)):
        raise InvalidSpace(
            f"The supernet has no parameters for layer {layer.name!r} of extent {extent}.",
            fix="Build the supernet from all layers of the space that the network comes from.",
            facts={"layer": layer.name},
        )
    return leading(whole, extent)


def leading(whole: Tensor, extent: tuple[int, ...]) -> Tensor:
    """A view of a parameter's leading channels, of a weight's kernel the centre: (out,), or (out, in / groups, height, width)."""
    if len(extent) == 1:
        return whole[: extent[0]]
    out, channels, height, width = extent
    top, left = (whole.shape[2] - height) // 2, (whole.shape[3] - width) // 2
    return whole[:out, :channels, top : top + height, left : left + width]


def _leaf(view: Tensor) -> Tensor:
    layout = torch.channels_last if view.dim() == 4 else torch.contiguous_format
    return view.detach().contiguous(memory_format=layout).requires_grad_()


def _initial(name: str, kind: tuple[str, bool], extent: Shape4, seed: int) -> Tensors:
    """Starting values of one name's parameters, a function of the seed, the name and the extent alone."""
    op, norm = kind
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
    spread = math.sqrt(2 / math.prod(extent[1:])) * (0.1 if op == "linear" else 1.0)
    weight = generator.standard_normal(extent, dtype=np.float32) * np.float32(spread)
    tensors = {name + WEIGHT: torch.from_numpy(weight)}
    if norm:
        tensors |= {name + GAMMA: torch.ones(extent[0]), name + BETA: torch.zeros(extent[0])}
    else:
        tensors[name + BIAS] = torch.zeros(extent[0])
    return tensors
