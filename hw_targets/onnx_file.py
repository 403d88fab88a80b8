"""Collects the nodes and initialisers of one ONNX file and writes it: shared by the INT8 and the float lowering.

Knows the conventions of every file written here (one uint8 input `image`, dynamic batch, outputs, names, versions), and
nothing of what a layer means.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from hw_targets.scheme import Range
from search_spaces.network import Shape

OPSET: Final = 17
IR_VERSION: Final = 8
IMAGE: Final = "image"
LOGITS: Final = "logits"
SEPARATOR: Final = ":"
"""Between a layer's name and the part of it that a node or tensor is: `<layer>:<part>`."""

_TYPES: Final = {
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
}


class OnnxFile:
    """A graph being written. Methods return the name of the resulting tensor."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def node(self, op: str, inputs: Sequence[str], name: str, *, output: str = "", **attributes: Any) -> str:
        """One operator; its output has its name unless another is given."""
        self._nodes.append(helper.make_node(op, inputs, [output or name], name=name, **attributes))
        return output or name

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """An initialiser; a name that exists is not written twice."""
        if name not in self._constants:
            data_type = _TYPES[values.dtype.name]
            self._constants[name] = TensorProto(
                name=name, data_type=data_type, dims=values.shape, raw_data=values.tobytes()
            )
        return name

    def quantize(self, x: str, to: Range, name: str) -> str:
        """Float to uint8, or to int8 when the range is signed."""
        return self.node("QuantizeLinear", [x, *self._scale(to)], name)

    def dequantize(self, x: str, of: Range, name: str, *, output: str = "") -> str:
        """The inverse of `quantize`."""
        return self.node("DequantizeLinear", [x, *self._scale(of)], name, output=output)

    def _scale(self, r: Range) -> tuple[str, str]:
        scale = np.float32(r.scale)
        return (
            self.constant(f"scale{SEPARATOR}{scale.tobytes().hex()}", np.asarray(scale)),
            self.constant(
                f"zero{SEPARATOR}{r.zero_point}{'s' if r.signed else ''}",
                np.asarray(r.zero_point, np.int8 if r.signed else np.uint8),
            ),
        )

    def to_bytes(self, name: str, input_shape: Shape, outputs: Sequence[tuple[str, Sequence[int]]]) -> bytes:
        """The complete file, unchecked: tests run `onnx.checker`.

        Args:
            name: title of the graph.
            input_shape: of one image.
            outputs: name and shape (without the batch) of each float output.
        """
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["batch", *input_shape])],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", *shape]) for n, shape in outputs],
            list(self._constants.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        model.producer_name = "hwnas"
        return bytes(model.SerializeToString())
