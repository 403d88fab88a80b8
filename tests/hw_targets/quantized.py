"""Small INT8 files as ONNX Runtime's own quantiser makes them. No tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static


def float_network(shape: Sequence[int | str] = ("batch", 3, 16, 16)) -> onnx.ModelProto:
    """Three 3x3 convolutions `c0` to `c2` of 16 channels with ReLU, a pool, and the linear layer `fc`."""
    rng = np.random.default_rng(0)
    nodes, constants, x, channels = [], list[onnx.TensorProto](), "x", 3

    def constant(name: str, *sizes: int) -> str:
        constants.append(numpy_helper.from_array(rng.standard_normal(sizes).astype(np.float32), name))
        return name

    for number in range(3):
        weights = [constant(f"w{number}", 16, channels, 3, 3), constant(f"b{number}", 16)]
        nodes.append(helper.make_node("Conv", [x, *weights], [f"y{number}"], name=f"c{number}", pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"y{number}"], [f"r{number}"], name=f"relu{number}"))
        x, channels = f"r{number}", 16
    nodes += [
        helper.make_node("GlobalAveragePool", [x], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", constant("w", 10, 16), constant("b", 10)], ["logits"], name="fc", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "three",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class _Noise(CalibrationDataReader):  # type: ignore[misc]  # the library is not typed
    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self._left = [{"x": rng.standard_normal((1, 3, 16, 16)).astype(np.float32)} for _ in range(2)]

    def get_next(self) -> Any:
        return self._left.pop() if self._left else None


def static(folder: Path, *, signed: bool = False, form: QuantFormat = QuantFormat.QDQ, **options: Any) -> Path:
    """`float_network`, quantised with uint8 or int8 activations."""
    source, made = folder / "float.onnx", folder / "static.onnx"
    onnx.save(float_network(), source)
    kind = QuantType.QInt8 if signed else QuantType.QUInt8
    quantize_static(
        source, made, _Noise(), activation_type=kind, weight_type=QuantType.QInt8, quant_format=form, **options
    )
    return made


def dynamic(folder: Path) -> Path:
    """`float_network`, quantised dynamically."""
    source, made = folder / "float.onnx", folder / "dynamic.onnx"
    onnx.save(float_network(), source)
    quantize_dynamic(source, made, weight_type=QuantType.QUInt8)
    return made
