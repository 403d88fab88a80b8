"""Shapes that a graph computes are folded by executing it, however long the chain; tensors in other files; old opsets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from search_spaces.cost import macs
from search_spaces.errors import UnreadableModel
from search_spaces.onnx_reader import read_onnx
from search_spaces.onnx_shapes import SMALL
from tests.search_spaces.onnx_graphs import Board, keys


def size_of(board: Board, x: str, axis: int) -> str:
    """One size of a tensor, as a number."""
    return board.op("Gather", board.op("Shape", x), board.constant(axis, np.int64))


def vector(board: Board, x: str) -> str:
    """A number as a vector of one."""
    return board.op("Unsqueeze", x, board.constant([0], np.int64))


@pytest.mark.parametrize("blocks", [9, 60])
def test_a_chain_of_computed_bounds_may_be_of_any_length(blocks: int) -> None:
    """Channels are split into halves whose bounds are computed from the shape, as ShuffleNet does."""
    board = Board(("batch", 8, 4, 4))
    x, axis, zero = board.x, board.constant([1], np.int64), board.constant([0], np.int64)
    for _ in range(blocks):
        half = vector(board, board.op("Div", size_of(board, x, 1), board.constant(2, np.int64)))
        rest = vector(board, size_of(board, x, 1))
        left, right = board.op("Slice", x, zero, half, axis), board.op("Slice", x, half, rest, axis)
        x = board.op("Concat", left, board.conv(right, 4, 4), axis=1)
    network = read_onnx(board.bytes(x))
    assert macs(network) == blocks * 4 * 4 * 16
    assert network.layers[-1].out_shape == (8, 4, 4)


def relu(board: Board, x: str) -> str:
    return board.op("Relu", x)


def clip(board: Board, x: str) -> str:
    return board.op("Clip", x, board.constant(0))


def largest(board: Board, x: str) -> str:
    return board.op("Max", x, board.constant(0))


def power(board: Board, x: str) -> str:
    return board.op("Sqrt", board.op("Pow", board.op("Abs", x), board.constant(2)))


def total(board: Board, x: str) -> str:
    return board.op("ReduceSum", vector(board, x), keepdims=0)


def product(board: Board, x: str) -> str:
    return board.op("MatMul", vector(board, x), board.constant([1.0]))


def branch(board: Board, x: str) -> str:
    return board.op("Where", board.op("Greater", x, board.constant(0)), x, board.constant(0))


@pytest.mark.parametrize("compute", [relu, clip, largest, power, total, product, branch])
def test_constants_are_folded_by_executing_them(compute: Callable[[Board, str], str]) -> None:
    """Padding "SAME" of 9 pixels to 5 outputs at stride 2: (5 - 1) * 2 + 3 - 9 = 2 rows and columns."""
    board = Board(("n", 3, 9, 9))
    size = board.op("Cast", size_of(board, board.x, 2), to=TensorProto.FLOAT)
    outputs = board.op("Ceil", board.op("Div", size, board.constant(2)))
    span = board.op(
        "Add", board.op("Mul", board.op("Sub", outputs, board.constant(1)), board.constant(2)), board.constant(3)
    )
    needed = vector(board, board.op("Cast", compute(board, board.op("Sub", span, size)), to=TensorProto.INT64))
    pads = board.op("Concat", board.constant([0] * 6, np.int64), needed, needed, axis=0)
    assert keys(board, board.conv(board.op("Pad", board.x, pads), 4, 3, 3, strides=[2, 2])) == [
        "conv 3x9x9>4x5x5 k3 s2 p0,0,2,2"
    ]


def test_range_expand_and_tile_make_shapes() -> None:
    board = Board((1, 2, 3, 4))
    four = board.op("Range", *(board.constant(v, np.int64) for v in (0, 4, 1)))
    ones = board.op("Expand", board.constant([1], np.int64), board.constant([2], np.int64))
    sizes = board.op("Concat", ones, board.op("Slice", four, *(board.constant([v], np.int64) for v in (3, 4))), axis=0)
    shape = board.op(
        "Concat", sizes, board.op("Tile", board.constant([8], np.int64), board.constant([1], np.int64)), axis=0
    )
    x = board.op("Reshape", board.conv(board.x, 2, 2), shape)  # (1, 1, 3, 8)
    assert keys(board, board.conv(x, 5, 1))[-1] == "conv 1x3x8>5x3x8 k1 s1 p0,0,0,0"


def test_no_constant_grows_without_bounds() -> None:
    """What would make a billion numbers is not executed; its shape is known all the same."""
    board = Board((1, 2, 4, 4))
    many = board.op("Range", *(board.constant(v, np.int64) for v in (0, 10**9, 1)))
    large = board.op("ConstantOfShape", board.constant([10**5, 10**5], np.int64))
    sums = board.op(
        "Add", board.op("ReduceSum", many), board.op("Cast", board.op("ReduceSum", large), to=TensorProto.INT64)
    )
    x = board.op("Mul", board.conv(board.x, 2, 2), board.op("Cast", sums, to=TensorProto.FLOAT))
    assert SMALL < 10**5
    assert keys(board, x) == ["conv 2x4x4>2x4x4 k1 s1 p0,0,0,0"]


def test_the_branch_that_a_condition_takes_is_read_in_its_place() -> None:
    board = Board((1, 2, 4, 4))
    x = board.conv(board.x, 2, 2)
    taken = helper.make_graph(
        [helper.make_node("Relu", [x], ["inner"])], "then", [], [helper.make_empty_tensor_value_info("inner")]
    )
    other = helper.make_graph(
        [helper.make_node("Sigmoid", [x], ["outer"])], "else", [], [helper.make_empty_tensor_value_info("outer")]
    )
    square = board.op("Equal", size_of(board, board.x, 2), size_of(board, board.x, 3))
    branch = board.op("If", square, then_branch=taken, else_branch=other)
    assert keys(board, board.conv(branch, 1, 2)) == [
        "conv 2x4x4>2x4x4 k1 s1 p0,0,0,0 relu",
        "conv 2x4x4>1x4x4 k1 s1 p0,0,0,0",
    ]


# --- Tensors in other files -----------------------------------------------------------------------------------------


def shuffle(*, constant_node: bool = False) -> onnx.ModelProto:
    """A channel shuffle whose shapes are tensors; with `constant_node` one of them is an attribute of a node."""
    board = Board((1, 4, 6, 6))
    shape = [1, 2, 2, 6, 6]
    if constant_node:
        first = board.op("Constant", value=onnx.numpy_helper.from_array(np.asarray(shape, np.int64), "shape"))
    else:
        first = board.constant(shape, np.int64)
    x = board.op("Transpose", board.op("Reshape", board.conv(board.x, 4, 4), first), perm=[0, 2, 1, 3, 4])
    return board.model(board.conv(board.op("Reshape", x, board.constant([1, 4, 6, 6], np.int64)), 3, 4))


def move_out(model: onnx.ModelProto, folder: Path, location: str = "weights.bin") -> Path:
    """Writes the model with all of its tensors in another file."""
    tensors = [*model.graph.initializer, *(a.t for node in model.graph.node for a in node.attribute if a.HasField("t"))]
    data = b""
    for tensor in tensors:
        raw = onnx.numpy_helper.to_array(tensor).tobytes()
        for key, value in {"location": location, "offset": len(data), "length": len(raw)}.items():
            tensor.external_data.add(key=key, value=str(value))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        data += raw
    (folder / "weights.bin").write_bytes(data)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"


@pytest.mark.parametrize("constant_node", [False, True])
def test_small_tensors_beside_a_local_file_are_read(tmp_path: Path, constant_node: bool) -> None:
    path = move_out(shuffle(constant_node=constant_node), tmp_path)
    network = read_onnx(path)
    assert network == read_onnx(shuffle(constant_node=constant_node).SerializeToString())
    assert macs(network) == (4 * 4 + 3 * 4) * 36


@pytest.mark.parametrize("constant_node", [False, True])
def test_an_upload_opens_no_other_file(tmp_path: Path, constant_node: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    path = move_out(shuffle(constant_node=constant_node), tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UnreadableModel, match=r"stored in another file \('weights.bin'\), which does not come"
    ) as caught:
        read_onnx(path.read_bytes())
    assert "onnx.save(onnx.load" in caught.value.fix
    onnx.save(onnx.load(path), tmp_path / "whole.onnx")  # the fix
    assert macs(read_onnx((tmp_path / "whole.onnx").read_bytes())) == 28 * 36


def test_files_outside_of_the_folder_are_not_opened(tmp_path: Path) -> None:
    inside = tmp_path / "model"
    inside.mkdir()
    path = move_out(shuffle(), inside)
    (inside / "weights.bin").rename(tmp_path / "weights.bin")
    (inside / "link.bin").symlink_to(tmp_path / "weights.bin")
    for location in ("../weights.bin", str(tmp_path / "weights.bin"), "link.bin", "missing.bin", "."):
        model = onnx.load(path, load_external_data=False)
        for tensor in model.graph.initializer:
            tensor.external_data[0].value = location
        path.write_bytes(model.SerializeToString())
        with pytest.raises(UnreadableModel, match="cannot be read"):
            read_onnx(path)


def test_no_more_is_read_than_a_shape_needs(tmp_path: Path) -> None:
    path = move_out(shuffle(), tmp_path)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        tensor.external_data[2].value = str(2**40)  # a length that is not true
    path.write_bytes(model.SerializeToString())
    assert macs(read_onnx(path)) == 28 * 36
    (tmp_path / "weights.bin").write_bytes(b"short")
    with pytest.raises(UnreadableModel, match="cannot be read"):
        read_onnx(path)


# --- Opsets ---------------------------------------------------------------------------------------------------------


def old_model(opset: int) -> onnx.ModelProto:
    """A file of 2017: batch norm and dropout say that they are not being trained, Gemm that it broadcasts."""
    board = Board((1, 3, 8, 8), opset=opset)
    attributes: dict[str, Any] = {"is_test": 1} if opset < 7 else {}
    broadcast: dict[str, Any] = {"broadcast": 1} if opset < 7 else {}
    x = board.op(
        "BatchNormalization", board.conv(board.x, 4, 3), *(board.constant(np.ones(4)) for _ in range(4)), **attributes
    )
    x = board.op("Flatten", board.op("GlobalAveragePool", board.op("Dropout", x, **attributes)))
    weights = board.constant(np.zeros((2, 4))), board.constant(np.zeros(2))
    x = board.op("Gemm", x, *weights, transB=1, **broadcast)
    model = board.model(x)
    model.ir_version = 3
    return model


def test_the_oldest_opset_that_is_read() -> None:
    assert macs(read_onnx(old_model(7).SerializeToString())) == 4 * 3 * 64 + 8


def test_an_older_opset_is_named_and_its_fix_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(old_model(6), "old.onnx")
    with pytest.raises(UnreadableModel, match="opset 6 of ONNX; opsets 7 to") as caught:
        read_onnx(Path("old.onnx"))
    exec(caught.value.fix.split("`")[1], {"onnx": __import__("onnx.version_converter")})
    assert macs(read_onnx(Path("new.onnx"))) == 4 * 3 * 64 + 8


def test_an_opset_of_the_future_is_named() -> None:
    board = Board((1, 3, 4, 4), opset=99)
    with pytest.raises(UnreadableModel, match="opset 99 of ONNX"):
        read_onnx(board.bytes(board.conv(board.x, 2, 3)))


def test_shape_arithmetic_is_folded() -> None:
    """`x.view(x.size(0), -1)`, and an upsampling to twice the input's size computed from its shape."""
    board = Board(("batch", 2, "height", "width"))
    size = board.op("Slice", board.op("Shape", board.x), *(board.constant([v], np.int64) for v in (2, 4)))
    double = board.op("Cast", board.op("Mul", board.op("Cast", size, to=1), board.constant(2)), to=7)
    sizes = board.op("Concat", board.constant([1, 2], np.int64), double, axis=0)
    x = board.op("Resize", board.x, "", "", sizes, mode="linear")
    rows = board.op(
        "Unsqueeze",
        board.op("Gather", board.op("Shape", x), board.constant(0, np.int64)),
        board.constant([0], np.int64),
    )
    x = board.op("Reshape", x, board.op("Concat", rows, board.constant([-1], np.int64), axis=0))
    network = read_onnx(board.bytes(board.gemm(x, 5, 2 * 6 * 8)), input_size=(3, 4))
    assert [layer.key for layer in network.layers] == ["resize 2x3x4>2x6x8", "linear 2x6x8>5x1x1"]
