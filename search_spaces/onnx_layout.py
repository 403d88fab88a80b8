"""What the axes of a model's input are: batch, channels, height and width, in whatever order the file has them.

The axes are followed from the input to the first operator that reads a batch of channels-first feature maps (a convolution, a
pool, a batch norm) or of sequences, through everything that only moves them: a transposition, an added batch, a channel flip. Not here:
which sizes the axes have (`onnx_file.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

_CHANNELS_FIRST: Final = frozenset({
    "Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool",
    "BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN", "DeformConv", "SpaceToDepth", "DepthToSpace",
    "QLinearConv", "ConvInteger",
})  # fmt: skip
"""Operators whose first input is (batch, channels, ...)."""

_RECURRENT: Final = frozenset({"RNN", "GRU", "LSTM"})
"""Operators whose first input is (steps, batch, features), or (batch, steps, features) with `layout=1`."""

_SCALES: Final = frozenset({"Add", "Sub", "Mul", "Div"})
_KEEPS_PIXELS: Final = frozenset({
    "Identity", "Dropout", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Slice", "Split",
    "Concat",
})  # fmt: skip
_KEEPS_AXES: Final = (
    _KEEPS_PIXELS | _SCALES | {"Pad", "Resize", "Upsample", "Clip", "Relu", "Sqrt", "Pow", "Neg", "Abs"}
)
_MOVES_AXES: Final = frozenset({"Transpose", "Unsqueeze", "Squeeze", "Gather", "Reshape"})

_Constant = Callable[[str], NDArray[Any] | None]
"""Gives the value of a small constant."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Axes of the input and of the tensors that differ from it in the order of axes only.

    Attributes:
        axes: for each axis of the input, its place in (batch, channels, height, width) or what the network reads instead.
        rank: how many axes the network reads; those that the input lacks are of size 1.
        pixels: for tensors that hold the input's pixels in another order, the places of their axes.
    """

    axes: tuple[int, ...]
    rank: int
    pixels: Mapping[str, tuple[int, ...]]

    def place(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The input's sizes in the order (batch, channels, height, width)."""
        placed = [1] * self.rank
        for axis, size in zip(self.axes, sizes, strict=True):
            placed[axis] = size
        return tuple(placed)


def find_layout(nodes: "Iterable[onnx.NodeProto]", name: str, sizes: Sequence[int], constant: _Constant) -> Layout:
    """Follows the axes of the input.

    Args:
        nodes: in topological order.
        name: of the input.
        sizes: of its axes; 0 where open.
        constant: value of a small constant.
    """
    plain = tuple(range(len(sizes)))
    labels = {name: plain}  # of an axis: its index in the input, or a negative number where it was added
    scaled: dict[str, frozenset[int] | None] = {
        name: frozenset()
    }  # axes there when scaled; None where changed otherwise
    added = count(-1, -1)
    for node in nodes:
        source = next((i for i in node.input if i in labels), None)
        if source is None:
            continue
        if node.op_type in _CHANNELS_FIRST | _RECURRENT:
            found = _batch_and_channels(node, labels[source])
            if source == node.input[0] and len(found) >= 2:
                return _resolve(plain, labels, scaled, found)
            continue
        moved = _moved(node, labels[source], sizes, constant, added)
        if moved is not None and all(_agree(labels.get(i, labels[source]), labels[source]) for i in node.input):
            labels.update(dict.fromkeys(node.output, moved))
            scaled.update(dict.fromkeys(node.output, _scaled(node, scaled, moved)))
    return Layout(plain, len(plain), {})


def _batch_and_channels(node: "onnx.NodeProto", axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of what an operator reads, in the order (batch, channels, ...)."""
    if node.op_type not in _RECURRENT or len(axes) != 3:
        return axes
    batch_first = any(a.name == "layout" and a.i for a in node.attribute)
    return (axes[0], axes[2], axes[1]) if batch_first else (axes[1], axes[2], axes[0])


def _agree(axes: tuple[int, ...], others: tuple[int, ...]) -> bool:
    """Whether two tensors have the same axes, added ones of size 1 apart."""
    return len(axes) == len(others) and all(a == b or max(a, b) < 0 for a, b in zip(axes, others, strict=True))


def _scaled(
    node: "onnx.NodeProto", scaled: Mapping[str, frozenset[int] | None], axes: tuple[int, ...]
) -> frozenset[int] | None:
    before = [scaled[i] for i in node.input if i in scaled]
    if node.op_type not in _KEEPS_PIXELS | _MOVES_AXES | _SCALES or None in before:
        return None
    own = frozenset(axes) if node.op_type in _SCALES else frozenset()
    return own.union(*(axes for axes in before if axes is not None))


def _resolve(
    plain: tuple[int, ...],
    labels: Mapping[str, tuple[int, ...]],
    scaled: Mapping[str, frozenset[int] | None],
    found: tuple[int, ...],
) -> Layout:
    """The layout, once a tensor is found whose axes are (batch, channels, ...)."""
    places = {label: place for place, label in enumerate(found)}
    missing = [axis for axis in plain if axis not in places]
    free = [place for place, label in enumerate(found) if label < 0 and place > 0]
    if len(missing) > len(free):  # an axis was lost on the way
        return Layout(plain, len(plain), {})
    places |= dict(zip(missing, free, strict=False))  # one that was taken apart and put together again
    pixels = {
        name: tuple(places[label] for label in axes)
        for name, axes in labels.items()
        # what is scaled once there is a batch is a layer; what is scaled before is preprocessing
        if (there := scaled[name]) is not None and found[0] not in there and all(label in places for label in axes)
    }
    return Layout(tuple(places[axis] for axis in plain), len(found), pixels)


def _moved(
    node: "onnx.NodeProto", axes: tuple[int, ...], sizes: Sequence[int], constant: _Constant, added: "count[int]"
) -> tuple[int, ...] | None:
    """The axes of what a node makes out of a tensor with these axes; None where they are lost."""
    if node.op_type in _KEEPS_AXES:
        return axes
    attributes = {a.name: list(a.ints) or a.i for a in node.attribute}
    second = constant(node.input[1]) if len(node.input) > 1 else None
    rank = len(axes)
    match node.op_type:
        case "Transpose":
            order = attributes.get("perm", list(reversed(range(rank))))
            known = isinstance(order, list) and sorted(order) == list(range(rank))
            return tuple(axes[i] for i in order) if known and isinstance(order, list) else None
        case "Gather" if second is not None:
            axis = _index(attributes.get("axis", 0), rank)
            return axes if second.ndim == 1 else (*axes[:axis], *axes[axis + 1 :]) if second.ndim == 0 else None
        case "Unsqueeze" | "Squeeze":
            listed = attributes.get("axes", None if second is None else second.reshape(-1).tolist())
            if not isinstance(listed, list):
                return None
            if node.op_type == "Squeeze":
                dropped = {_index(axis, rank) for axis in listed}
                return tuple(label for i, label in enumerate(axes) if i not in dropped)
            new, left = {_index(axis, rank + len(listed)) for axis in listed}, iter(axes)
            return tuple(next(added) if i in new else next(left, 0) for i in range(rank + len(listed)))
        case "Reshape" if second is not None:
            return _reshaped(second.reshape(-1).tolist(), axes, sizes, added)
    return None


def _index(axis: Any, rank: int) -> int:
    return int(axis) % max(rank, 1)


def _reshaped(
    shape: Sequence[int], axes: tuple[int, ...], sizes: Sequence[int], added: "count[int]"
) -> tuple[int, ...] | None:
    """The axes after a reshape that only adds some of size 1."""
    left, made = list(axes), list[int]()
    for size in shape:
        own = sizes[left[0]] if left and left[0] >= 0 else 1
        if left and (size in (own, -1) or (size == 0 and len(made) == len(axes) - len(left))):
            made.append(left.pop(0))
        elif size == 1:
            made.append(next(added))
        else:
            return None
    return None if left else tuple(made)
