"""Operators that networks read from ONNX may have beyond `OPERATORS`, and that the float file can write again.

They mean what the reader keeps of them: nearest-neighbour resizing to the layer's shape, space to depth by whole
blocks, and deconvolution. No target trains or quantises them; they are written so that such networks can be stored and costed.
"""

from typing import Final

import numpy as np

from hw_targets.onnx_file import SEPARATOR, OnnxFile
from hw_targets.weights import FloatWeights
from search_spaces.network import Layer

FOREIGN: Final = frozenset({"onnx:Resize", "onnx:SpaceToDepth", "onnx:ConvTranspose"})


def foreign(file: OnnxFile, layer: Layer, inputs: list[str], weights: FloatWeights) -> str:
    """The result of a layer of one of `FOREIGN`, before its activation.

    A deconvolution's weight is (in, out / groups, kernel height, kernel width).
    """
    name = f"{layer.name}{SEPARATOR}{layer.op.removeprefix('onnx:').lower()}"
    (_, height, width), (_, to_height, to_width) = layer.in_shapes[0], layer.out_shape
    match layer.op:
        case "onnx:Resize":
            factors = np.array([1, 1, to_height / height, to_width / width], np.float32)
            scales = file.constant(f"{layer.name}{SEPARATOR}factors", factors)
            attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            return file.node("Resize", [*inputs, "", scales], name, **attributes)
        case "onnx:SpaceToDepth":
            return file.node("SpaceToDepth", inputs, name, blocksize=height // to_height)
        case _:
            own = weights[layer.name]
            parameters = [
                file.constant(f"{name}/weight", np.ascontiguousarray(own.weight, np.float32)),
                file.constant(f"{name}/bias", own.bias.astype(np.float32)),
            ]
            return file.node(
                "ConvTranspose", [*inputs, *parameters], name, kernel_shape=layer.kernel, strides=layer.stride,
                pads=layer.padding, dilations=layer.dilation, group=layer.groups,
            )  # fmt: skip
