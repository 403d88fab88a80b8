"""The closing tables: every number with its kind, all of it within 80 columns."""

import io
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from nas.cli.drawing import abbreviate, error_panel, many, size
from nas.cli.report import render_plan, render_result
from nas.events import FrontPoint
from nas.result import ArchitectureCount, ClassOutcome, CommonOutcome, LatencyOutcome, LimitOutcome, Plan, SearchResult
from tests.metrics import as_accuracy
from tests.nas.cli.fakes import ARCHITECTURE, FRONT, TEST, model, result


def rendered(render: Callable[[Console], None], width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as caught:
        render(console)
    return caught.get()


def test_every_number_of_a_receipt_has_its_kind() -> None:
    text = rendered(lambda console: render_result(console, result()))
    receipt = text[text.index("model for cpu") :]
    for name, number, kind in [
        ("latency", "0.0801 ms", "predicted ± 1.1%"),
        ("", "0.0812 ms (p50 0.0815, p95 0.0912)", "measured"),
        ("budget", "0.0900 ms (reachable: 0.0300 to 0.400)", "met (quiet)"),
        ("accuracy", "INT8 95.00%, FP32 95.63%", "measured, test set"),
        ("size", "INT8 328 kB, FP32 1.26 MB", "measured"),
        ("space", "1,234,567 of 1.23e+26 architectures", "predicted, exact"),
    ]:
        line = next(line for line in receipt.splitlines() if number in line)
        assert name in line
        assert kind in line
    assert "runs/digits-mobilenet-1/cpu" in receipt
    assert "2 images could not be read." in receipt
    assert "run digits-mobilenet-1: preparing 0.2 s, profiling cpu cached, training 1 min 15 s" in receipt.replace(
        "\n", " "
    )
    assert max(map(len, text.splitlines())) <= 80


def test_one_network_for_all_targets_stands_beside_their_own() -> None:
    of = {"metric": {"name": "accuracy", "value": 0.935}, "latency_ms": 0.07, "kind": "measured", "regret": 0.015}
    other = {**of, "kind": "simulated", "latency_ms": 0.5, "regret": -0.002}
    common = CommonOutcome.model_validate(
        {"architecture": ARCHITECTURE, "architecture_id": "0" * 12, "targets": {"cpu": of, "dpu": other}, "compared": 3}
    )
    answer = result().model_copy(update={"common": common})
    panel = rendered(lambda console: render_result(console, answer)).partition("one network for all targets")[2]
    cpu = next(line for line in panel.splitlines() if "0.0700 ms" in line)
    assert "93.50%" in cpu and "measured" in cpu and "+1.50 points" in cpu
    assert any("0.500 ms simulated" in line and "-0.20 points" in line for line in panel.splitlines())
    assert "the best of 3" in panel
    assert max(map(len, panel.splitlines())) <= 80


@pytest.mark.parametrize(
    ("kind", "low", "high", "said"),
    [("exact", "52000", "52000", "52,000 meet"), ("estimated", "51000", "53000", "52,000 (51,000 to 53,000) meet")],
)
def test_limits_are_listed_with_what_the_model_has(
    kind: Literal["exact", "estimated"], low: str, high: str, said: str
) -> None:
    count = ArchitectureCount(value="52000", kind=kind, low=low, high=high)
    limited = model().model_copy(
        update={
            "budget": model().budget.model_copy(update={"within_limits": count}),
            "limits": (
                LimitOutcome(cost="macs", most=50_000_000, value=49_123_456, met=True, reachable=(1, 2), active=True),
                LimitOutcome(
                    cost="weight_bytes", most=300_000, value=300_001, met=False, reachable=(1, 2), active=True
                ),
                LimitOutcome(cost="params", most=10**9, value=5, met=True, reachable=(1, 2), active=False),
            ),
        }
    )
    document = result().model_copy(update={"models": {"cpu": limited}})
    lines = rendered(lambda console: render_result(console, document)).splitlines()
    for words in (
        (said, "predicted, " + kind),
        ("limits", "macs: 49,123,456 of at most 50,000,000", "met"),
        ("weight_bytes: 300,001 of at most 300,000", "exceeded"),
        ("params: 5 of at most 1,000,000,000", "met, inactive"),
    ):
        assert any(all(word in line for word in words) for line in lines), words
    assert max(map(len, lines)) <= 80


def test_the_front_marks_the_selected_point() -> None:
    text = rendered(lambda console: render_result(console, result()))
    rows = [line for line in text.splitlines() if "▶" in line]
    assert len(rows) == 1
    for words in ("35a279", "93.00%", "0.0800 ms", "measured"):
        assert words in rows[0]


def test_the_front_is_of_trained_networks_and_estimates_are_counted() -> None:
    text = rendered(lambda console: render_result(console, result().model_copy(update={"metric": "macro_f1"})))
    assert "Front of trained networks on cpu" in text and "macro F1" in text
    (fastest,) = [line for line in text.splitlines() if "90.00%" in line]
    assert fastest.split()[0] == "05a279" and fastest.split()[-1] == "predicted"
    assert "4 estimates before fine-tuning (--json lists them): hwnas export trains any" in text
    assert "80.00%" not in text
    without = result().model_copy(update={"estimates": {}})
    assert "estimates" not in rendered(lambda console: render_result(console, without))


def test_ids_are_as_long_as_it_takes_to_tell_them_apart() -> None:
    alike = tuple(p.model_copy(update={"architecture_id": f"abcdef0{i}9999"}) for i, p in enumerate(FRONT))
    answer = result().model_copy(update={"fronts": {"cpu": alike}, "estimates": {}})
    text = rendered(lambda console: render_result(console, answer))
    assert "abcdef05" in text and "abcdef0599" not in text
    assert "the exported model is not on this front" in text


@pytest.mark.parametrize(
    ("on", "p50", "p95", "verdict", "says"),
    [
        ("quiet", 0.085, 0.2, "met (quiet)", ""),
        ("quiet", 0.36, 0.5, "met when quiet", "it: 0.360"),
        ("p50", 0.085, 0.2, "met (p50)", "reachable when quiet: 0.0300"),
        ("p50", 0.36, 0.5, "exceeded (p50)", ""),
        ("p95", 0.085, 0.091, "exceeded (p95)", ""),
    ],
)
def test_the_verdict_names_what_the_budget_is_held_against(
    on: str, p50: float, p95: float, verdict: str, says: str
) -> None:
    """The quiet latency of 0.0812 ms meets the budget of 0.09 ms; the median, or the 95th percentile, may not."""
    latency = model().latency_ms.model_dump() | {"budget_on": on, "measured_p50": p50, "measured_p95": p95}
    one = model().model_copy(update={"latency_ms": LatencyOutcome.model_validate(latency)})
    answer = result().model_copy(update={"models": {"cpu": one}})
    text = rendered(lambda console: render_result(console, answer))
    (line,) = [line for line in text.splitlines() if "budget" in line and "0.0900 ms" in line]
    assert line.rstrip(" │").endswith(verdict)
    assert says in " ".join(text.replace("│", " ").split())


def test_few_classes_are_shown_with_all_their_confusions() -> None:
    lines = rendered(lambda console: render_result(console, result())).splitlines()
    start = lines.index("test set, INT8: true classes are rows, predictions columns")
    assert [line.split() for line in lines[start + 1 : start + 6]] == [
        ["1", "2", "3", "recall"],
        ["1", "cat", "115", "3", "2", "96%"],
        ["2", "dog", "·", "18", "2", "90%"],
        ["3", "[red]fox", "1", "·", "19", "95%"],
        ["precision", "99%", "86%", "83%"],
    ]


def test_short_names_head_the_columns() -> None:
    classes = tuple(
        one.model_copy(update={"name": name}) for one, name in zip(TEST.classes, ("0", "1", "nine"), strict=True)
    )
    answer = result().model_copy(update={"models": {"cpu": model(test=TEST.model_copy(update={"classes": classes}))}})
    lines = [line.split() for line in rendered(lambda console: render_result(console, answer)).splitlines()]
    assert ["0", "1", "nine", "recall"] in lines and ["nine", "1", "·", "19", "95%"] in lines


@pytest.mark.parametrize("images", [7, 40_000])
def test_twelve_classes_fit_into_80_columns(images: int) -> None:
    classes = tuple(
        ClassOutcome(name=f"a class of a long name, number {k}", images=images, precision=1.0, recall=1.0)
        for k in range(12)
    )
    matrix = tuple(tuple(images * (row == column) for column in range(12)) for row in range(12))
    test = TEST.model_copy(update={"classes": classes, "confusion": matrix})
    answer = result().model_copy(update={"models": {"cpu": model(test=test)}})
    lines = rendered(lambda console: render_result(console, answer)).splitlines()
    assert max(map(len, lines)) <= 80
    (last,) = [line for line in lines if line.startswith("12 a class")]
    assert last.split()[-13:] == ["·"] * 11 + ["7" if images == 7 else "40k", "100%"]


def test_of_many_classes_the_worst_are_shown_with_what_they_are_taken_for() -> None:
    """Of class k of 13, with 20 images, k are taken for class 0, which is never wrong itself; one class has no images."""
    rows = [[0] * 13 for _ in range(13)]
    for k in range(13):
        rows[k][k], rows[k][0] = 20 - k, k
    rows[0][0], rows[12] = 20, [0] * 13
    classes = [ClassOutcome(name=f"c{k}", images=20, precision=1.0, recall=(20 - k) / 20) for k in range(12)]
    classes.append(ClassOutcome(name="none", images=0, precision=None, recall=None))
    test = TEST.model_copy(update={"classes": tuple(classes), "confusion": tuple(map(tuple, rows))})
    answer = result().model_copy(update={"models": {"cpu": model(test=test)}})
    lines = rendered(lambda console: render_result(console, answer)).splitlines()
    start = lines.index("test set, INT8: the 5 worst of 13 classes")
    displayed = [line.split() for line in lines[start + 1 : start + 10] if "%" in line]
    assert displayed == [[f"c{k}", "20", "100%", f"{100 - 5 * k}%", "c0", f"({k})"] for k in (11, 10, 9, 8, 7)]


@pytest.mark.parametrize(
    ("metric", "images", "told"), [("accuracy", 100, False), ("accuracy", 101, True), ("macro_f1", 20, True)]
)
def test_other_metrics_are_reported_where_accuracy_hides_something(metric: str, images: int, told: bool) -> None:
    """Beside classes of 20 images, one of 100 is five times as large, and one of 101 more than that."""
    classes = (TEST.classes[0].model_copy(update={"images": images}), *TEST.classes[1:])
    metrics = tuple(sorted(TEST.metrics, key=lambda one: one.name != metric))
    test = TEST.model_copy(update={"metrics": metrics, "classes": classes})
    answer = result().model_copy(update={"models": {"cpu": model(test=test)}})
    text = rendered(lambda console: render_result(console, answer))
    others = {
        "accuracy": "INT8 balanced accuracy 93.61%, macro F1 91.21%",
        "macro_f1": "INT8 accuracy 95.00%, balanced accuracy 93.61%",
    }
    assert (others[metric] in " ".join(text.replace("│", " ").split())) is told


def test_a_plan_leaves_out_what_does_not_occur() -> None:
    seconds = {"profiling": 0.0, "training": 0.0, "searching": 0.0, "fine_tuning": 150.0, "verifying": 0.0}
    plan = Plan(seconds=seconds, memory_bytes=700_000_000, supernet=False, note="2 networks are trained.")
    assert str(render_plan(plan)) == (
        "About 2 min 30 s and 700 MB of memory (estimated): profiling cached, fine-tuning 2 min 30 s. 2 networks are trained."
    )
    trained = plan.model_copy(update={"supernet": True, "note": ""})
    assert "profiling cached, training cached, fine-tuning" in str(render_plan(trained))


def test_a_long_front_is_thinned_but_keeps_its_ends_and_the_selected_point() -> None:
    points = tuple(
        FrontPoint(
            architecture="resolution=8",
            architecture_id=f"id{i}",
            metric=as_accuracy(0.5 + i / 1000),
            latency_ms=0.1 + i / 1000,
        )
        for i in range(100)
    )
    selected = model().model_copy(update={"architecture_id": "id50"})
    long = SearchResult(run="r", front=points, fronts={"cpu": points}, models={"cpu": selected}, seconds={})
    text = rendered(lambda console: render_result(console, long))
    assert "of its 100 points" in text
    for accuracy in ("50.00%", "55.00%", "59.90%"):
        assert accuracy in text


def test_what_was_not_measured_and_what_missed_is_said() -> None:
    simulated = model(measured=None, active=False)
    exceeded = model(measured=0.095)
    answer = SearchResult(
        run="r", front=FRONT, fronts={"a": FRONT, "b": FRONT}, models={"a": simulated, "b": exceeded}, seconds={}
    )
    text = " ".join(rendered(lambda console: render_result(console, answer)).replace("│", " ").split())
    assert "not measured simulated" in text
    assert "the constraint is inactive" in text
    assert "0.0900 ms (reachable: 0.0300 to 0.400) exceeded (quiet)" in text


@pytest.mark.parametrize(
    "architecture, text",
    [
        ("resolution=24 s1.depth=1 s1.width=16 s1.se=true s1.b0.kernel=7 s1.b0.expansion=4.0", "r24 · w16 se k7e4"),
        (
            ARCHITECTURE,
            "r24 · w16 se k7e4 k5e4 · w32 k7e3 k5e3 · w80 k5e0.75 · w128",
        ),
        ("plain", "plain"),
        ("a.flag=false b=2", "b2"),
        ("", ""),
    ],
)
def test_architectures_are_abbreviated(architecture: str, text: str) -> None:
    assert abbreviate(architecture) == text


@given(st.text(max_size=300), st.integers(4, 100))
def test_abbreviations_never_exceed_their_width(architecture: str, width: int) -> None:
    whole, short = abbreviate(architecture, 10**6), abbreviate(architecture, width)
    assert len(short) <= width
    assert short == whole if len(whole) <= width else short.endswith("…") and whole.startswith(short[:-1])


@pytest.mark.parametrize(
    "count, text",
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (999_600, "1.00 MB"), (1_261_500, "1.26 MB"), (12_345, "12.3 kB")],
)
def test_sizes_have_three_digits(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize("count, text", [("1024", "1,024"), ("123456789", "123,456,789"), ("9" * 27, "1.00e+27")])
def test_large_counts_are_written_with_an_exponent(count: str, text: str) -> None:
    assert many(count) == text


def test_an_error_panel_shows_facts_and_takes_markup_literally() -> None:
    document = {
        "code": "c", "detail": "[bold]d[/bold]", "fix": "f", "known": ["cpu"], "rows": [{"a": 1, "b": 2}], "ms": 0.123456789
    }  # fmt: skip
    text = rendered(lambda console: console.print(error_panel(document)))
    for words in ("error: c", "[bold]d[/bold]", "Fix: f", "known:", "a 1, b 2", "ms: 0.123457"):
        assert words in text
