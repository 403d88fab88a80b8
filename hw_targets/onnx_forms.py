"""The ONNX nodes of operators that are the same in the float and in the INT8 file: on float tensors, before the activation."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from hw_targets.onnx_file import SEPARATOR, OnnxFile
from search_spaces.network import Layer


def conv(file: OnnxFile, layer: Layer, inputs: list[str]) -> str:
    """A convolution of (input, weight, bias)."""
    attributes = _window(layer) | {"dilations": layer.dilation, "group": layer.groups}
    return file.node("Conv", inputs, f"{layer.name}{SEPARATOR}conv", **attributes)


def max_pool(file: OnnxFile, layer: Layer, inputs: list[str]) -> str:
    """A max pool of float or uint8."""
    attributes = _window(layer) | {"dilations": layer.dilation}
    return file.node("MaxPool", inputs, f"{layer.name}{SEPARATOR}max_pool", **attributes)


def weightless(file: OnnxFile, layer: Layer, inputs: list[str]) -> str:
    """The result of a layer without weights; that of a lone activation is its input."""
    return _WEIGHTLESS[layer.op](file, layer, inputs)


def _window(layer: Layer) -> dict[str, Any]:
    return {"kernel_shape": layer.kernel, "strides": layer.stride, "pads": layer.padding}


def _avg_pool(file: OnnxFile, layer: Layer, inputs: list[str]) -> str:
    name = f"{layer.name}{SEPARATOR}avg_pool"
    return file.node("AveragePool", inputs, name, count_include_pad=1, **_window(layer))


def _resize(file: OnnxFile, layer: Layer, inputs: list[str]) -> str:
    """Bilinear with half-pixel centres, by factors, since the batch is not known."""
    (_, height, width), (_, to_height, to_width) = layer.in_shapes[0], layer.out_shape
    factors = np.array([1, 1, to_height / height, to_width / width], np.float32)
    scales = file.constant(f"{layer.name}{SEPARATOR}factors", factors)
    attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return file.node("Resize", [*inputs, "", scales], f"{layer.name}{SEPARATOR}resize", **attributes)


def _slice(file: OnnxFile, layer: Layer, inputs: list[str]) -> str:
    """Of float or integers."""
    name = layer.name + SEPARATOR
    bounds = {"start": layer.start, "end": layer.start + layer.out_shape[0], "axis": 1}
    constants = [file.constant(f"{name}{title}", np.array([value], np.int64)) for title, value in bounds.items()]
    return file.node("Slice", [*inputs, *constants], f"{name}slice")


def _shuffle(file: OnnxFile, layer: Layer, inputs: list[str]) -> str:
    """Of float or integers; the batch is not known."""
    name, (channels, height, width) = layer.name + SEPARATOR, layer.out_shape
    apart = np.array([0, layer.groups, channels // layer.groups, height, width], np.int64)
    together = np.array([0, channels, height, width], np.int64)
    groups = file.node("Reshape", [*inputs, file.constant(f"{name}apart", apart)], f"{name}groups")
    turned = file.node("Transpose", [groups], f"{name}turned", perm=[0, 2, 1, 3, 4])
    return file.node("Reshape", [turned, file.constant(f"{name}together", together)], f"{name}shuffle")


def _simple(operator: str, **attributes: Any) -> Callable[[OnnxFile, Layer, list[str]], str]:
    def form(file: OnnxFile, layer: Layer, inputs: list[str]) -> str:
        return file.node(operator, inputs, f"{layer.name}{SEPARATOR}{layer.op}", **attributes)

    return form


_WEIGHTLESS: Final[dict[str, Callable[[OnnxFile, Layer, list[str]], str]]] = {
    "add": _simple("Add"),
    "mul": _simple("Mul"),
    "concat": _simple("Concat", axis=1),
    "global_avg_pool": _simple("GlobalAveragePool"),
    "slice": _slice,
    "shuffle": _shuffle,
    "max_pool": max_pool,
    "avg_pool": _avg_pool,
    "resize": _resize,
    "activation": lambda file, layer, inputs: inputs[0],
}
