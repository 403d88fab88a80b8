"""Unreadable models are rejected with a reason, and damaged files never crash."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from search_spaces.errors import UnreadableModel
from search_spaces.onnx_reader import read_onnx
from tests.search_spaces.onnx_graphs import Board, resnet_18, swish, with_weights


@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"PK\x03\x04 a zip file", resnet_18()[:100_000]])
def test_what_is_no_onnx_file_is_rejected(data: bytes) -> None:
    with pytest.raises(UnreadableModel):
        read_onnx(data)


def test_a_missing_file_and_a_folder_are_rejected(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(UnreadableModel, match="Cannot read"):
            read_onnx(path)


def test_large_files_are_rejected_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(769 * 2**20)
    with pytest.raises(UnreadableModel, match="at most"):
        read_onnx(path)


def test_too_many_nodes_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_spaces.onnx_file.MAX_NODES", 10)
    with pytest.raises(UnreadableModel, match="nodes"):
        read_onnx(resnet_18())


def test_weights_kept_elsewhere_are_known_by_their_shapes_and_never_opened() -> None:
    board = Board((1, 2, 4, 4))
    model = board.model(board.conv(board.x, 3, 2))
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/hostname")
    network = read_onnx(model.SerializeToString())
    assert [layer.key for layer in network.layers] == ["conv 2x4x4>3x4x4 k1 s1 p0,0,0,0"]


def test_an_open_input_size_has_to_be_said() -> None:
    board = Board(("n", 3, "h", "w"))
    data = board.bytes(board.conv(board.x, 2, 3))
    with pytest.raises(UnreadableModel, match="--input-size"):
        read_onnx(data)
    assert read_onnx(data, input_size=(6, 8)).input_shape == (3, 6, 8)
    assert read_onnx(data, input_size=7).input_shape == (3, 7, 7)
    with pytest.raises(UnreadableModel, match="not possible"):
        read_onnx(data, input_size=0)


def test_another_size_than_the_classifier_was_made_for_is_rejected() -> None:
    board = Board((1, 2, 4, 4))
    data = board.bytes(board.gemm(board.op("Flatten", board.x), 3, 32))
    with pytest.raises(UnreadableModel, match="32 features"):
        read_onnx(data, input_size=8)


def test_two_inputs_are_rejected() -> None:
    board = Board((1, 2, 4, 4))
    board.inputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [1, 2, 4, 4]))
    with pytest.raises(UnreadableModel, match=r"2 \(image, other\)"):
        read_onnx(board.bytes(board.op("Add", board.x, "other")))


def test_shapes_that_cannot_be_known_are_rejected_with_the_node() -> None:
    board = Board((1, 2, 4, 4))
    x = board.op("NonZero", board.x)
    with pytest.raises(UnreadableModel) as caught:
        read_onnx(board.bytes(board.op("Relu", x)))
    assert caught.value.facts["operator"] == "NonZero"


@pytest.mark.parametrize(
    "op, attributes",
    [
        ("Conv", {"strides": [0, 0]}),
        ("Conv", {"pads": [-9, 0, 0, 0]}),
        ("Conv", {"group": 0}),
        ("Transpose", {"perm": [0, 7, 1, 2]}),
    ],
)
def test_impossible_attributes_are_rejected(op: str, attributes: dict[str, Any]) -> None:
    board = Board((1, 2, 4, 4))
    x = board.conv(board.x, 2, 2, **attributes) if op == "Conv" else board.op(op, board.x, **attributes)
    with pytest.raises(UnreadableModel):
        read_onnx(board.bytes(x))


def test_a_model_that_computes_nothing_is_rejected() -> None:
    board = Board((1, 2, 4, 4))
    with pytest.raises(UnreadableModel, match="nothing"):
        read_onnx(board.bytes(board.op("Identity", board.x)))


def test_a_great_many_alike_names_and_a_long_chain_of_constants_take_no_time() -> None:
    board = Board((1, 1, 1, 1))
    x, constant = board.x, board.constant(1.0)
    for _ in range(2000):
        x, constant = board.op("Relu", x), board.op("Neg", constant)
    model = board.model(board.op("Clip", x, constant, board.constant(6)))
    for node in model.graph.node:
        node.name = "same"
    network = read_onnx(with_weights(model, np.zeros(5000)).SerializeToString())
    assert len(network.layers) == 2001


def test_a_node_that_overwrites_the_input_is_rejected() -> None:
    board = Board((1, 2, 4, 4))
    model = board.model(board.op("Relu", board.conv(board.x, 2, 2)))
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = board.x
    with pytest.raises(UnreadableModel, match="overwrites the input"):
        read_onnx(model.SerializeToString())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_rejected_but_never_a_crash(data: st.DataObject) -> None:
    board = Board((1, 3, 8, 8))
    x = board.norm(board.conv(board.x, 4, 3, 3, pads=[1] * 4), 4)
    blob = bytearray(board.bytes(board.gemm(board.op("Flatten", swish(board, board.quantise(x), "sigmoid")), 2, 256)))
    blob = blob[len(blob) // 3 :] if data.draw(st.booleans()) else blob
    for position in data.draw(st.lists(st.integers(0, len(blob) - 1), min_size=1, max_size=8)):
        blob[position] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadableModel):
        assert read_onnx(bytes(blob)).layers
