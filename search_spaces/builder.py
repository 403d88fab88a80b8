"""Builds layers and computes their shapes: what the author of a space, or a test, calls to build a graph."""

from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces.errors import InvalidSpace
from search_spaces.network import INPUT, Layer, Network, Shape


@dataclass(frozen=True, slots=True)
class Tensor:
    """A layer's result (or the graph's input) while a graph is being built."""

    name: str
    shape: Shape


class Graph:
    """Layers appended in order, from an input of the given shape.

    Example:
        >>> g = Graph((3, 32, 32))
        >>> x = g.conv("stem", g.input, 16, kernel=3, stride=2, activation="relu6")
        >>> y = g.linear("classifier", g.global_avg_pool("pool", x), 10)
        >>> g.network("tiny").layers[-1].out_shape
        (10, 1, 1)
    """

    def __init__(self, input_shape: Shape, prefix: str = "") -> None:
        self.input = Tensor(INPUT, input_shape)
        self.layers: list[Layer] = []
        self._prefix = prefix

    def network(self, name: str) -> Network:
        """The layers so far, as a network that ends in the last one."""
        return Network(name, self.input.shape, tuple(self.layers))

    def _append(self, name: str, op: str, inputs: tuple[Tensor, ...], out_shape: Shape, **attributes: object) -> Tensor:
        layer = Layer(
            self._prefix + name,
            op,
            tuple(t.name for t in inputs),
            tuple(t.shape for t in inputs),
            out_shape,
            **attributes,  # type: ignore[arg-type]
        )
        self.layers.append(layer)
        return Tensor(layer.name, out_shape)

    def conv(
        self,
        name: str,
        x: Tensor,
        channels: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        activation: str | None = None,
        norm: bool = True,
    ) -> Tensor:
        """A square convolution with zeros on all sides, so that stride 1 keeps the size.

        Raises:
            InvalidSpace: groups do not divide the channels, or the stride is larger than the feature map.
        """
        in_channels, height, width = x.shape
        if in_channels % groups or channels % groups:
            raise InvalidSpace(
                f"{self._prefix}{name}: {groups} groups do not divide {in_channels} and {channels} channels.",
                fix="Choose channels that are multiples of the groups.",
            )
        if stride > min(height, width):
            raise InvalidSpace(
                f"{self._prefix}{name}: a stride of {stride} does not fit a feature map of {height}x{width}.",
                fix="Use fewer strides, or a higher resolution.",
                facts={"layer": self._prefix + name, "height": height, "width": width},
            )
        pad = dilation * (kernel - 1) // 2
        reach = dilation * (kernel - 1) + 1
        out = (channels, (height + 2 * pad - reach) // stride + 1, (width + 2 * pad - reach) // stride + 1)
        return self._append(
            name, "conv", (x,), out, kernel=(kernel, kernel), stride=(stride, stride), padding=(pad,) * 4,
            dilation=(dilation, dilation), groups=groups, activation=activation, norm=norm,
        )  # fmt: skip

    def max_pool(self, name: str, x: Tensor, *, kernel: int, stride: int) -> Tensor:
        """A square max pool, padded by half its kernel."""
        return self._pool("max_pool", name, x, kernel, stride)

    def avg_pool(self, name: str, x: Tensor, *, kernel: int, stride: int) -> Tensor:
        """A square average pool that counts its padding."""
        return self._pool("avg_pool", name, x, kernel, stride)

    def _pool(self, op: str, name: str, x: Tensor, kernel: int, stride: int) -> Tensor:
        pad = (kernel - 1) // 2
        channels, height, width = x.shape
        out = (channels, (height + 2 * pad - kernel) // stride + 1, (width + 2 * pad - kernel) // stride + 1)
        return self._append(
            name, op, (x,), out, kernel=(kernel, kernel), stride=(stride, stride), padding=(pad,) * 4
        )  # fmt: skip

    def global_avg_pool(self, name: str, x: Tensor) -> Tensor:
        """The mean over height and width: (C, H, W) to (C, 1, 1)."""
        return self._append(name, "global_avg_pool", (x,), (x.shape[0], 1, 1))

    def linear(self, name: str, x: Tensor, features: int, *, activation: str | None = None) -> Tensor:
        """A fully connected layer over the flattened input."""
        return self._append(name, "linear", (x,), (features, 1, 1), activation=activation)

    def like(
        self,
        name: str,
        layer: Layer,
        inputs: Sequence[Tensor],
        *,
        channels: int | None = None,
        kernel: int | None = None,
        norm: bool = False,
    ) -> Tensor:
        """A layer with the attributes of another, for inputs of other shapes.

        Args:
            name: of the new layer.
            layer: one of the operators in `search_spaces.network.OPERATORS`.
            inputs: what it reads.
            channels: of its result, where it has weights; the other's when None.
            kernel: side of a kernel that is the centre of the other's, which is square; the other's when None.
            norm: whether training normalises its result.

        Raises:
            InvalidSpace: a window does not fit the feature map, or the inputs do not fit together.
        """
        first, shapes = inputs[0].shape, [x.shape for x in inputs]
        cut = 0 if kernel is None else layer.dilation[0] * (layer.kernel[0] - kernel) // 2
        window = layer.kernel if kernel is None else (kernel, kernel)
        padding = (
            layer.padding[0] - cut,
            layer.padding[1] - cut,
            layer.padding[2] - cut,
            layer.padding[3] - cut,
        )
        block = layer.block
        own = first[0] if block or not layer.has_weights else channels or layer.out_shape[0]
        size = (max(shape[1] for shape in shapes), max(shape[2] for shape in shapes))
        match layer.op:
            case "conv" | "max_pool" | "avg_pool":
                size = (
                    _reached(first[1], padding[0] + padding[2], window[0], layer.stride[0], layer.dilation[0]),
                    _reached(first[2], padding[1] + padding[3], window[1], layer.stride[1], layer.dilation[1]),
                )
            case "linear" | "global_avg_pool":
                size = (1, 1)
            case "resize":
                before, after = layer.in_shapes[0], layer.out_shape
                size = (first[1] * after[1] // before[1], first[2] * after[2] // before[2])
            case "concat":
                own = sum(shape[0] for shape in shapes)
            case "slice":
                own = layer.out_shape[0]
        sides = {shape[1:] for shape in shapes} if layer.op in ("add", "concat") else {size}
        if min(size) < 1 or len(sides) > 1:
            raise InvalidSpace(
                f"{self._prefix}{name}: the feature maps {', '.join(map(str, shapes))} are too small or do not fit together.",
                fix="Use a higher resolution, or the one that the network was made for.",
                facts={"layer": self._prefix + name},
            )
        return self._append(
            name, layer.op, tuple(inputs), (own, *size), kernel=window, stride=layer.stride, padding=padding,
            dilation=layer.dilation, groups=first[0] // block if block else layer.groups, activation=layer.activation, norm=norm,
            start=layer.start,
        )  # fmt: skip

    def add(self, name: str, a: Tensor, b: Tensor, *, activation: str | None = None) -> Tensor:
        """The sum of two tensors of one shape."""
        return self._append(name, "add", (a, b), a.shape, activation=activation)

    def mul(self, name: str, a: Tensor, attention_scale: Tensor) -> Tensor:
        """The product of a tensor and an attention scale, (C, H, W) by (C, 1, 1)."""
        return self._append(name, "mul", (a, attention_scale), a.shape)


def _reached(size: int, padding: int, kernel: int, stride: int, dilation: int) -> int:
    """How many windows fit along one side."""
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1
