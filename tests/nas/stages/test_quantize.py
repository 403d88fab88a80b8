"""A finalist's files: made once, of the form that the target demands, and scored by what the file answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from hw_targets.scheme import POWER_OF_TWO
from nas.onnx_answers import answers
from nas.stages import quantize
from nas.stages.fine_tune import fine_tune
from nas.stages.quantize import Quantized, quantized, retrained
from nas.stages.target_run import TargetRun
from search_spaces.network import Network
from tests.nas import boards
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]

Made = tuple[TargetRun, Network, str]


@pytest.fixture
def made(board: None, tmp_path: Path) -> Made:
    """The smallest network, trained for a moment."""
    run = jobs.run_of(*jobs.with_target_plans(tmp_path))
    network = run.job.space.network(run.job.space.smallest())
    return run, network, fine_tune(run, network, start=None, images=2_000, number=0)


def test_scores_are_what_the_file_answers(made: Made) -> None:
    run, network, weights = made
    files = quantized(run, network, weights)
    validation = run.context.arrays(run.job.data).split("val", 8)
    found = answers(run.context.store.get(files.int8), validation.images, threads=1)
    assert files.validation.value == pytest.approx(np.mean(found == validation.labels)) and not files.retrained
    again = quantized(run, network, weights)
    assert (again.int8, again.fp32) == (files.int8, files.fp32)
    assert np.array_equal(again.validation.matrix, files.validation.matrix)
    test = run.context.arrays(run.job.data).split("test", 8)
    for digest, scores in zip(
        (files.int8, files.fp32), quantize.tested(run.context, run.job, network, files), strict=True
    ):
        given = answers(run.context.store.get(digest), test.images, threads=1)
        assert scores.value == pytest.approx(np.mean(given == test.labels))


def test_the_files_have_the_form_that_the_target_demands(made: Made) -> None:
    run, network, weights = made
    plain = quantized(run, network, weights)
    plan = replace(run.target_plan, scheme=POWER_OF_TWO, info=boards.Dpu.info)
    other = quantized(replace(run, target=boards.Dpu(), target_plan=plan), network, weights)
    assert other.int8 != plain.int8 and other.fp32 == plain.fp32
    model = onnx.load_from_string(run.context.store.get(other.int8))
    values = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    scales = [values[node.input[1]] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert scales and all(scale.ndim == 0 and float(np.log2(scale)).is_integer() for scale in scales)


@pytest.mark.parametrize("better", [True, False])
def test_int8_retraining_is_kept_where_it_is_better(made: Made, better: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    run, network, weights = made
    plain = quantized(run, network, weights)
    size, right = int(plain.validation.matrix.sum()), np.zeros_like(plain.validation.matrix)
    right[0, 0 if better else 1] = size

    def files(_run: TargetRun, _network: Network, _weights: str, how: str) -> Quantized:
        return (
            plain
            if how == "quantize"
            else replace(plain, int8="retrained", validation=replace(plain.validation, matrix=right))
        )

    monkeypatch.setattr(quantize, "_files", files)
    assert retrained(run, network, weights).int8 == ("retrained" if better else plain.int8)
