"""Integer operators of ONNX files, rewritten as the real-valued operators that they compute.

Quantisation is ignored: a network's layers and counts are the same in float and in INT8. Not here: what the
operators mean as layers (`onnx_operators.py`).
"""

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import onnx


class _Real(NamedTuple):
    """The operator that an integer operator computes, and those of its inputs that are not scales or zero points."""

    op: str
    inputs: tuple[int, ...]
    bias: int | None = None
    """Input that is added to the result, where the operator has no place for it."""


_REAL: Final = {
    "ConvInteger": _Real("Conv", (0, 1)),
    "MatMulInteger": _Real("MatMul", (0, 1)),
    "MatMulIntegerToFloat": _Real("MatMul", (0, 1), 6),
    "DynamicQuantizeMatMul": _Real("MatMul", (0, 1), 4),
    "DynamicQuantizeLSTM": _Real("LSTM", tuple(range(8))),
    "QLinearConv": _Real("Conv", (0, 3, 8)),
    "QLinearMatMul": _Real("MatMul", (0, 3)),
    "QGemm": _Real("Gemm", (0, 3, 6)),
    "QLinearAdd": _Real("Add", (0, 3)),
    "QLinearMul": _Real("Mul", (0, 3)),
    "QLinearGlobalAveragePool": _Real("GlobalAveragePool", (0,)),
    "QLinearAveragePool": _Real("AveragePool", (0,)),
    "QLinearLeakyRelu": _Real("LeakyRelu", (0,)),
    "QLinearSigmoid": _Real("Sigmoid", (0,)),
    "QLinearSoftmax": _Real("Softmax", (0,)),
}


def as_real(node: "onnx.NodeProto") -> "list[onnx.NodeProto]":
    """The nodes that compute in real numbers what a node computes in integers; the node itself where it is none."""
    from onnx import NodeProto, helper

    if any(a.name == "channels_last" and a.i for a in node.attribute):
        return [node]
    if node.op_type == "QLinearConcat":
        real, inputs = _Real("Concat", ()), list(node.input[2::3])
    elif node.op_type in _REAL:
        real = _REAL[node.op_type]
        inputs = [node.input[i] for i in real.inputs if i < len(node.input)]
    else:
        return [node]
    product = NodeProto()
    product.CopyFrom(node)
    product.op_type, product.domain = real.op, ""
    del product.input[:]
    product.input.extend(inputs)
    bias = node.input[real.bias] if real.bias is not None and real.bias < len(node.input) else ""
    if not bias:
        return [product]
    product.output[0] = f"{node.output[0]}/product"
    return [product, helper.make_node("Add", [product.output[0], bias], [node.output[0]], name=f"{node.name}/bias")]
