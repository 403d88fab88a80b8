import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hw_targets.errors import TargetUnavailable
from hw_targets.ort_profiler import KernelRuns, kernel_ms, kernels_by_layer, owners, read_profile


def event(category: str, name: str, start: int, duration: int, operator: str = "") -> str:
    arguments = f'{{"provider" : "CPU","op_name" : "{operator}","node_index" : "3"}}' if operator else "{}"
    return (
        f'{{"cat" : "{category}","pid" :1,"tid" :1,"dur" :{duration},"ts" :{start},"ph" : "X",'
        f'"name" :"{name}","args" : {arguments}}},'
    )


def text() -> str:
    lines = ["[", event("Session", "session_initialization", 0, 50)]
    for start in (100, 200, 300):
        lines += [
            event("Node", "a:conv_token_1_kernel_time", start, 4, "QLinearConv"),
            event("Node", "Transpose_token_2_kernel_time", start + 10, 2, "Transpose"),
            event("Session", "SequentialExecutor::Execute", start, 25),
            event("Session", "model_run", start - 1, 30),
        ]
    return "\n".join(lines) + "\n]\n"


def test_reads_runs_and_skips_the_first() -> None:
    runs = read_profile(text(), skip=1)
    assert runs.names == ("a:conv_token_1", "Transpose_token_2")
    assert runs.operators == ("QLinearConv", "Transpose")
    np.testing.assert_array_equal(runs.starts_us, [[200, 210, 225], [300, 310, 325]])
    np.testing.assert_array_equal(runs.durations_us, [[4, 2], [4, 2]])


@pytest.mark.parametrize("unreadable", ["", "[\n]\n", '[{"ts": 1, "dur": 2, "name": "a"}]'])
def test_a_profile_of_another_form_is_reported(unreadable: str) -> None:
    with pytest.raises(TargetUnavailable, match="version of onnxruntime"):
        read_profile(unreadable)


def test_times_are_differences_of_starts_less_the_cost_of_profiling() -> None:
    """10 and 15 us between starts, 25 in all; without the profiler the run takes 15: 5 us off each kernel."""
    assert kernel_ms(read_profile(text()), 0.015) == pytest.approx([0.005, 0.010])


def test_whole_microseconds_average_out() -> None:
    """Kernels of 1.3 and 0.7 us, begun anywhere within a microsecond."""
    begins = np.arange(0, 1000, 0.37)
    starts = np.floor(np.stack([begins, begins + 1.3, begins + 2.0], axis=1)).astype(np.int64)
    runs = KernelRuns(("a", "b"), ("A", "B"), starts, np.zeros((len(starts), 2), np.int64))
    times = kernel_ms(runs, 0.002)
    assert times.sum() == pytest.approx(0.002)
    assert times == pytest.approx([0.0013, 0.0007], abs=2e-5)


def test_disturbed_runs_do_not_count() -> None:
    starts = np.array([[0, 10, 20]] * 6 + [[0, 500, 510]] * 4)
    runs = KernelRuns(("a", "b"), ("A", "B"), starts, np.zeros((10, 2), np.int64))
    assert kernel_ms(runs, 0.020) == pytest.approx([0.01, 0.01])


def test_nodes_without_a_layer_belong_to_their_maker_or_else_their_reader() -> None:
    nodes = [
        helper.make_node("Transpose", ["image"], ["t"], name="T1"),
        helper.make_node("Transpose", ["t"], ["u"], name="T2"),
        helper.make_node("QLinearConv", ["u"], ["c"], name="block.a:conv_token_9"),
        helper.make_node("Transpose", ["c"], ["v"], name="T3"),
        helper.make_node("QLinearAdd", ["v", "c"], ["s"], name="with:colon:add"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1])],
        [helper.make_empty_tensor_value_info("s")],
    )
    assert owners(onnx.ModelProto(graph=graph)) == {
        "T1": "block.a",
        "T2": "block.a",
        "block.a:conv_token_9": "block.a",
        "T3": "block.a",
        "with:colon:add": "with:colon",
    }


def test_layers_gather_their_kernels() -> None:
    nothing = np.zeros((1, 5), np.int64)
    runs = KernelRuns(("T1", "b:conv", "odd", "a:x", "a:y"), ("T", "C", "O", "C", "C"), nothing, nothing)
    found = kernels_by_layer(runs, {"T1": "b", "b:conv": "b"}, ["a", "b", "c"], np.array([1.0, 2.0, 3.0, -1.0, 0.5]))
    assert [(k.layer, k.kernels, k.latency_ms) for k in found] == [
        ("a", (("C", 2),), 0.0),
        ("b", (("C", 1), ("O", 1), ("T", 1)), 6.0),
    ]
