"""Which layers of an INT8 file run in float, by ONNX Runtime's own quantiser and its own graph."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxruntime.quantization import QuantFormat

from hw_targets.cpu import CpuTarget
from hw_targets.quantized_file import FileKernels, advice, close_input, fixed_batch, is_quantized, read_kernels
from search_spaces.errors import UnreadableModel
from tests.hw_targets import quantized


def kernels(path: Path) -> FileKernels:
    return CpuTarget().file_kernels(path.read_bytes())


@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator])
def test_uint8_activations_run_on_integers(tmp_path: Path, form: QuantFormat) -> None:
    found = kernels(quantized.static(tmp_path, form=form))
    assert (found.activations, found.layers, found.float_layers) == ("uint8", 4, ())
    assert advice(found) == ()


def test_a_layer_that_was_left_out_is_named_with_the_way_out(tmp_path: Path) -> None:
    found = kernels(quantized.static(tmp_path, nodes_to_exclude=["c0", "relu0", "c1"]))
    assert (found.activations, found.float_layers) == ("uint8", ("c0", "c1"))
    assert "2 of 4" in advice(found)[0] and "nodes_to_exclude" in advice(found)[0]


def test_an_operator_between_them_that_was_left_out_is_an_island_in_float(tmp_path: Path) -> None:
    found = kernels(quantized.static(tmp_path, op_types_to_quantize=["Conv", "Gemm"]))
    assert found.float_layers == () and found.float_operators["GlobalAveragePool"] == 1
    assert "1 GlobalAveragePool" in advice(found)[0]


def test_int8_activations_are_reported_with_the_way_out(tmp_path: Path) -> None:
    found = kernels(quantized.static(tmp_path, signed=True))
    assert found.activations == "int8"
    assert "QuantType.QUInt8" in advice(found)[0]


def test_dynamic_quantisation_is_reported(tmp_path: Path) -> None:
    found = kernels(quantized.dynamic(tmp_path))
    assert (found.activations, found.layers, found.float_layers) == ("dynamic", 4, ())
    assert "quantize_static" in advice(found)[0]


def test_quantised_weights_alone_are_reported() -> None:
    """A weight is stored as int8 and dequantised; what it meets is float."""
    weight = helper.make_tensor("w", TensorProto.INT8, [4, 3, 1, 1], np.arange(12, dtype=np.int8).tobytes(), raw=True)
    scale = helper.make_tensor("s", TensorProto.FLOAT, [], [0.1])
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["wf"], name="weights"),
        helper.make_node("Conv", ["x", "wf"], ["y"], name="only"),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c, 8, 8]) for n, c in (("x", 3), ("y", 4))]
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight, scale]))
    found = read_kernels(model, model)
    assert is_quantized(model)
    assert (found.activations, found.float_layers) == ("none", ("only",))
    assert "Only weights" in advice(found)[0]


def test_a_float_file_is_not_quantised() -> None:
    assert not is_quantized(quantized.float_network())


@pytest.mark.parametrize(
    ("open_shape", "closed"),
    [
        (("n", 3, "h", "w"), [0, 3, 24, 40]),
        (("n", "h", "w", 3), [0, 24, 40, 3]),
        ((2, "c", "h", "w"), [2, 3, 24, 40]),
        (("h", "w", 3), [24, 40, 3]),
        (("n", 3, 24, 40), [0, 3, 24, 40]),
    ],
)
def test_open_sizes_are_closed_but_for_the_batch(open_shape: tuple[int | str, ...], closed: list[int]) -> None:
    model = quantized.float_network(open_shape)
    close_input(model, (3, 24, 40))
    assert [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim] == closed
    assert fixed_batch(model) == (2 if open_shape[0] == 2 else 1)


def test_other_sizes_are_rejected() -> None:
    with pytest.raises(UnreadableModel, match="does not have the sizes"):
        close_input(quantized.float_network(("n", 3, 32, 32)), (3, 24, 40))


def test_what_the_runtime_rejects_is_one_typed_error(tmp_path: Path) -> None:
    model = onnx.load(quantized.static(tmp_path))
    model.graph.node[0].op_type = "NoSuchOperator"
    for ask in (CpuTarget().file_kernels, lambda m: list(CpuTarget().sample_file(m, rounds=1))):
        with pytest.raises(UnreadableModel, match=r"ONNX Runtime .* cannot run the file"):
            ask(model.SerializeToString())


@pytest.mark.parametrize("shape", [("batch", 3, 16, 16), (2, 3, 16, 16)])
def test_files_with_float_inputs_are_timed(shape: tuple[int | str, ...]) -> None:
    taken = list(CpuTarget().sample_file(quantized.float_network(shape).SerializeToString(), rounds=2))
    assert [t.round for t in taken] == [0, 1] and all(t.q25_ms > 0 for t in taken)
