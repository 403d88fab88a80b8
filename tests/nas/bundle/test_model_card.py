"""The model card: what it says of the budget, of each class, and of how the network was trained."""

from dataclasses import asdict
from typing import Any

import pytest

from nas.bundle.class_tables import class_tables
from nas.bundle.model_card import model_card
from nas.data.augment import LIGHT, PHOTO
from nas.metric import MetricValue
from nas.result import LatencyOutcome, ModelOutcome, PrecisionMetrics
from search_spaces.builder import Graph
from search_spaces.network import Network
from tests.nas.bundle.outcomes import answered, outcome, receipt_document

INPUT = {"fit": "stretch", "resize": "bilinear antialiased", "size": 8, "pixel_range": None}


def network() -> Network:
    g = Graph((1, 8, 8))
    g.linear("classifier", g.global_avg_pool("pool", g.conv("stem", g.input, 8, kernel=3)), 3)
    return g.network("tiny")


def written(model: ModelOutcome, **training: Any) -> str:
    receipt = receipt_document()
    receipt["training"] |= training
    names = ["a", "b", "c"]
    return model_card(data="d", classes=names, input_spec=INPUT, network=network(), outcome=model, receipt=receipt)


def of_latency(**latency: Any) -> ModelOutcome:
    """The budget is 0.1 ms."""
    return outcome().model_copy(
        update={"latency_ms": LatencyOutcome.model_validate(outcome().latency_ms.model_dump() | latency)}
    )


@pytest.mark.parametrize(
    ("latency", "budget_row", "verdict"),
    [
        ({}, "0.1 ms, compared with the quiet latency", "met"),
        ({"measured_p50": 0.4}, "the quiet latency", "met when the machine is quiet; the median, 0.4 ms, exceeds it"),
        ({"measured_p50": 0.4, "budget_on": "p50"}, "0.1 ms, compared with the median", "exceeded"),
        ({"measured_p95": 0.4, "budget_on": "p95"}, "0.1 ms, compared with the 95th percentile", "exceeded"),
    ],
)
def test_the_verdict_has_a_row(latency: dict[str, Any], budget_row: str, verdict: str) -> None:
    text = written(of_latency(**latency))
    assert budget_row in text
    assert f"| verdict | {verdict} | measured |" in text


def test_metrics_beside_accuracy_have_rows() -> None:
    """Of 30 images 28 are right."""
    text = written(outcome())
    assert "| balanced accuracy INT8, test set | 93.33% | measured |" in text
    assert "| macro F1 INT8, test set | 50.00% | measured |" in text


def test_few_classes_have_a_table_and_a_confusion_matrix() -> None:
    assert class_tables(answered()).splitlines() == [
        "Of the INT8 model, measured on the test set.",
        "",
        "| class | images | precision | recall |",
        "| --- | ---: | ---: | ---: |",
        "| a | 10 | 83.3% | 100.0% |",
        "| b\\|c | 10 | 100.0% | 90.0% |",
        "| d | 10 | 100.0% | 90.0% |",
        "",
        "Images by true class (rows) and prediction (columns):",
        "",
        "|  | a | b\\|c | d |",
        "| --- | ---: | ---: | ---: |",
        "| a | 10 | 0 | 0 |",
        "| b\\|c | 1 | 9 | 0 |",
        "| d | 1 | 0 | 9 |",
    ]


@pytest.mark.parametrize(
    ("count", "listed", "matrix"), [(12, 12, True), (13, 13, False), (20, 20, False), (21, 5, False)]
)
def test_more_classes_have_less(count: int, listed: int, matrix: bool) -> None:
    text = class_tables(answered([f"class{k}" for k in range(count)]))
    assert sum(line.startswith("| class") and line.endswith("% |") for line in text.splitlines()) == listed
    assert ("Images by true class" in text) is matrix
    assert ("the 5 worst of 21 classes" in text) is (count > 20)
    assert ("| class0 |" in text) is (count <= 20)  # it is never answered wrongly


SOURCE = {"name": "lite", "trained_on": "ImageNet", "licence": "Apache-2.0", "origin": "its makers"}


@pytest.mark.parametrize(
    ("training", "says"),
    [
        ({}, "a supernet that saw 60,000 images, and fine-tuned on 4,000 images, and then retrained in INT8"),
        ({"supernet": False}, "trained from random weights on 4,000 images, without a supernet"),
        (
            {"supernet": False, "source": SOURCE, "work": {"supernet_images": 0, "adapt_images": 9_000}},
            "It was cut out of lite with ImageNet weights (Apache-2.0, its makers), which was fine-tuned on 9,000 images; then it",
        ),
        (
            {"source": SOURCE, "work": {"supernet_images": 5_000, "adapt_images": 9_000}},
            "on 9,000 images, and a supernet was trained from it on 5,000 images; then it was fine-tuned on 4,000 images",
        ),
        ({"int8_retrained": False}, "and quantised after training."),
        ({}, "Training images were not augmented."),
        ({"augment": asdict(LIGHT)}, "shifts of up to 12.5% of the image size, rotations of up to 10 degrees, zooms of up to 10%."),
        (
            {"augment": asdict(PHOTO)},
            "crops of at least 50% of the area, brightness, contrast and saturation by up to 25%, mirroring.",
        ),
    ],
)  # fmt: skip
def test_the_card_says_how_the_network_was_trained(training: dict[str, Any], says: str) -> None:
    assert says in written(outcome(), **training)


@pytest.mark.parametrize(
    ("metric", "weights", "weighed"),
    [("accuracy", "auto", False), ("macro_f1", "auto", True), ("macro_f1", "none", False)],
)
def test_the_card_says_what_rare_classes_weighed(metric: str, weights: str, weighed: bool) -> None:
    value = MetricValue(name=metric, value=0.5)
    model = outcome().model_copy(update={"metric": PrecisionMetrics(fp32=value, int8=value)})
    text = written(model, class_weights=weights)
    assert ("rare classes weighed more in training" in text) is weighed
    assert ("compared by macro F1" in text) is (metric == "macro_f1")


def test_a_card_of_no_classes_and_of_a_simulated_target() -> None:
    simulated = of_latency(measured=None, measured_p50=None, measured_p95=None, simulated=0.3, kind="simulated")
    text = written(simulated.model_copy(update={"test": None}))
    assert "| verdict | exceeded | simulated |" in text
    assert "Class by class" not in text and "macro F1" not in text
