"""`estimate`: an ONNX file on a target, as a document and as a table; here measured for real on the cpu target."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from typer.testing import Result

from hw_targets.lowering import lower_int8
from hw_targets.random_weights import random_weights
from search_spaces.builder import Graph
from tests.hw_targets import quantized
from tests.search_spaces.onnx_graphs import Board

Invoke = Callable[..., Result]
Answering = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(autouse=True)
def _own_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Numbers do not matter here, so no other measurement is waited for."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A small network as the INT8 file that is shipped."""
    g = Graph((3, 16, 16))
    x = g.conv("stem", g.input, 8, kernel=3, stride=2, activation="relu6")
    g.linear("classifier", g.global_avg_pool("pool", x), 10)
    network = g.network("small")
    (tmp_path / "small.onnx").write_bytes(lower_int8(network, random_weights(network)))
    return str(tmp_path / "small.onnx")


def test_a_model_is_measured_layer_by_layer(answer: Answering, model: str, tmp_path: Path) -> None:
    code, document = answer("estimate", model, "--target", "cpu", "--out", str(tmp_path))
    assert code == 0
    assert (document["kind"], document["precision"], document["batch"], document["target"]) == (
        "measured",
        "int8",
        1,
        "cpu",
    )
    assert document["latency_ms"] > 0
    assert [layer["name"] for layer in document["layers"]] == ["stem", "pool", "classifier"]
    assert document["layers"][0]["key"] == "conv 3x16x16>8x8x8 k3 s2 p1,1,1,1 relu6"
    assert document["layers"][0]["latency_ms"] > 0
    assert document["macs"] == 27 * 8 * 64 + 80


def test_people_get_a_table(invoke: Invoke, model: str, tmp_path: Path) -> None:
    outcome = invoke("estimate", model, "--out", str(tmp_path))
    assert outcome.exit_code == 0
    assert "conv 3x16x16>8x8x8 k3 s2 p1 relu6" in outcome.stdout
    assert "INT8, batch 1, on cpu" in outcome.stdout
    assert "13.9 k MACs, 314 parameters" in outcome.stdout
    assert max(map(len, outcome.stdout.splitlines())) <= 80


def test_an_unknown_target_is_an_error(answer: Answering, model: str) -> None:
    code, document = answer("estimate", model, "--target", "abacus")
    assert (code, document["error"]["code"]) == (2, "unknown_target")
    assert "cpu" in document["error"]["fix"]


def test_a_file_that_is_no_model_is_an_error(answer: Answering, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("not a model")
    for name in ("note.txt", "missing.onnx"):
        code, document = answer("estimate", str(tmp_path / name))
        assert (code, document["error"]["code"]) == (2, "unreadable_model")


def test_an_operator_that_the_target_lacks_is_named(answer: Answering, tmp_path: Path) -> None:
    board = Board((1, 3, 8, 8))
    (tmp_path / "m.onnx").write_bytes(board.bytes(board.op("LRN", board.conv(board.x, 4, 3), size=3)))
    code, document = answer("estimate", str(tmp_path / "m.onnx"))
    assert (code, document["error"]["code"]) == (3, "unsupported_layer")
    assert document["error"]["unsupported"][0]["key"] == "onnx:LRN 4x8x8>4x8x8"


def test_an_open_input_size_can_be_given(answer: Answering, tmp_path: Path) -> None:
    board = Board((1, 3, "h", "w"))
    path = tmp_path / "m.onnx"
    path.write_bytes(board.bytes(board.conv(board.x, 4, 3)))
    code, document = answer("estimate", str(path), "--out", str(tmp_path))
    assert (code, document["error"]["code"]) == (2, "unreadable_model")
    assert "--input-size" in document["error"]["fix"]
    code, document = answer("estimate", str(path), "--input-size", "8x12", "--out", str(tmp_path))
    assert (code, document["input_shape"]) == (0, [3, 8, 12])


def test_a_prediction_needs_a_table(answer: Answering, model: str, tmp_path: Path) -> None:
    code, document = answer("estimate", model, "--predict", "--out", str(tmp_path))
    assert code != 0
    assert "hwnas profile" in document["error"]["fix"]


def test_an_int8_file_is_measured_as_it_is_beside_its_lowering(
    answer: Answering, invoke: Invoke, tmp_path: Path
) -> None:
    path = str(quantized.static(tmp_path, signed=True, nodes_to_exclude=["c0", "relu0", "c1"]))
    code, document = answer("estimate", path, "--target", "cpu", "--out", str(tmp_path))
    assert (code, document["lowering"], document["kind"]) == (0, "hwnas", "measured")
    file = document["file"]
    assert file["latency_ms"] > 0 and file["batch"] == 1 and file["activations"] == "int8"
    assert {"c0", "c1"} <= set(file["float_layers"])
    assert any("c0, c1" in line and "uint8" in line for line in file["advice"])
    output = invoke("estimate", path, "--target", "cpu", "--out", str(tmp_path)).stdout
    assert output.index("the INT8 file as it is") < output.index("re-lowers it to INT8") < output.index("run in float")


def test_a_float_file_is_one_number_of_its_lowering(answer: Answering, invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "float.onnx"
    path.write_bytes(quantized.float_network().SerializeToString())
    _, document = answer("estimate", str(path), "--out", str(tmp_path))
    assert (document["lowering"], document["file"]) == ("hwnas", None)
    output = invoke("estimate", str(path), "--out", str(tmp_path)).stdout
    assert "as hwnas re-lowers it to INT8, batch 1, on cpu" in output and "as it is" not in output


def test_a_file_that_the_runtime_rejects_leaves_a_warning(answer: Answering, tmp_path: Path) -> None:
    board = Board((1, 3, 8, 8), opset=17)
    path = tmp_path / "m.onnx"
    model = board.model(board.quantise(board.conv(board.quantise(board.x), 4, 3)))
    model.ir_version = 10_000
    path.write_bytes(model.SerializeToString())
    code, document = answer("estimate", str(path), "--out", str(tmp_path))
    assert (code, document["file"]) == (0, None)
    assert "The file itself was not measured" in document["warnings"][-1]


def test_several_targets_have_one_answer_each(answer: Answering, invoke: Invoke, model: str, tmp_path: Path) -> None:
    words = ("estimate", model, "--target", "cpu", "--target", "alveo-u50:isa2", "--out", str(tmp_path))
    code, document = answer(*words)
    assert code == 0
    assert [(one["target"], one["kind"]) for one in document["estimates"]] == [
        ("cpu", "measured"),
        ("alveo-u50:isa2", "simulated"),
    ]
    output = invoke(*words).stdout
    assert output.index("on cpu") < output.index("simulated for one request")
    code, document = answer(*words, "--host", "--what-if")
    assert code == 0 and "what_if" in document["estimates"][1]["simulation"], (
        "what only a simulation has is for those that are"
    )
    code, document = answer(*words, "--plot", str(tmp_path / "p.png"))
    assert (code, document["error"]["code"]) == (2, "usage_error")
    assert "one target" in document["error"]["detail"]


def test_what_cannot_be_counted_makes_the_count_a_least_one(invoke: Invoke, answer: Answering, tmp_path: Path) -> None:
    board = Board((1, 3, 8, 8))
    board.nodes.append(helper.make_node("Secret", [board.conv(board.x, 4, 3)], ["secret"], domain="company"))
    model = board.model(board.conv("secret", 2, 4))
    model.graph.value_info.append(helper.make_tensor_value_info("secret", TensorProto.FLOAT, [1, 4, 8, 8]))
    model.opset_import.append(helper.make_opsetid("company", 1))
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    call = ["estimate", str(path), "--target", "alveo-u50", "--host"]
    code, document = answer(*call)
    assert (code, document["macs"], document["uncounted"]) == (0, (12 + 8) * 64, ["Secret"])
    assert "at least 1.28 k MACs (not counted: Secret)" in " ".join(invoke(*call).stdout.split())


def test_one_count_feeds_totals_layers_and_groups(answer: Answering, tmp_path: Path) -> None:
    board = Board((1, 3, 16, 16))
    x = board.op("Relu", board.conv(board.x, 8, 3, 3, pads=[1] * 4, strides=[2, 2]))
    x = board.op("ConvTranspose", x, board.constant(np.zeros((8, 4, 2, 2))), strides=[2, 2])
    path = tmp_path / "m.onnx"
    path.write_bytes(board.bytes(board.conv(x, 2, 4)))
    code, document = answer("estimate", str(path), "--target", "alveo-u50")
    count = 8 * 27 * 64 + 8 * 4 * 4 * 64 + 2 * 4 * 256
    assert (code, document["macs"], document["uncounted"]) == (0, count, [])
    assert sum(layer["macs"] for layer in document["layers"]) == count
    assert sum(group["macs"] for group in document["simulation"]["groups"]) == count
