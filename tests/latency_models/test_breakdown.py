"""The parts of a prediction: they add up to it, and to each layer's own latency."""

import random

import pytest

from latency_models.accuracy_report import AccuracyReport
from latency_models.breakdown import Share, shares
from latency_models.calibration import Calibration
from latency_models.entries import input_key
from latency_models.regression import Fallback
from latency_models.table import KeyLatency, LatencyTable, fit
from search_spaces.builder import Graph
from tests.latency_models.synthetic import INFO, draw, profile

REPORT = AccuracyReport(0.02, 0.02, 1.0, 1.0, 0.9, None, 0.01, 30, 10, "held_out")


def test_the_parts_by_hand() -> None:
    g = Graph((1, 4, 4))
    g.conv("a", g.input, 8, kernel=3)
    g.conv("b", g.conv("c", g.input, 4), 2)
    network = g.network("three")
    entries = {
        network.layers[0].key: KeyLatency(0.21, 0.1, (("Conv", 2),), 3, 0.0),
        network.layers[1].key: KeyLatency(0.0, 0.01, (("Conv", 1),), 3, 0.0),
        input_key((1, 4, 4)): KeyLatency(0.02, 0.02, (("Transpose", 1),), 3, 0.0),
    }
    calibration = Calibration(2.0, {"Conv": -0.01}, 0.05, 0.1, 0.1, 0.01)
    table = LatencyTable(INFO, entries, calibration, Fallback({}), REPORT, ())
    constant, at_input, a, c, b = shares(table, network)
    assert constant == Share("constant", "constant", 0.05, "predicted")
    assert (at_input.of, at_input.latency_ms, at_input.profiled_ms) == ("input", 0.02, 0.04)
    # 2 x 0.1 under the profiler, 2 kernels at -0.01 each, and 0.03 that whole networks say
    assert (a.profiled_ms, a.terms_ms) == (0.2, -0.02) and a.correction_ms == pytest.approx(0.03)
    # 2 x 0.01 - 0.01 is above 0, but the networks say less than nothing: cut at 0
    assert c.latency_ms == 0.0 and c.correction_ms == pytest.approx(-0.01)
    assert b == Share("b", "layer", 0.0, "estimated")
    assert sum(s.latency_ms for s in (constant, at_input, a, c, b)) == pytest.approx(table.predict(network).latency_ms)


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_add_up(seed: int) -> None:
    rng = random.Random(seed)
    table = fit([profile(draw(rng), rng, noise=0.005, kernel_noise=0.02) for _ in range(12)], INFO)
    network = draw(rng)
    prediction, found = table.predict(network), shares(table, network)
    assert sum(share.latency_ms for share in found) == pytest.approx(prediction.latency_ms, abs=1e-9)
    assert {s.name: s.latency_ms for s in found if s.of == "layer"} == dict(prediction.layers)
    for share in found:
        if share.profiled_ms is not None and share.terms_ms is not None and share.correction_ms is not None:
            assert share.profiled_ms + share.terms_ms + share.correction_ms == pytest.approx(share.latency_ms)
