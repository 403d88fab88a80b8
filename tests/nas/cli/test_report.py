"""The closing tables: every number with its kind, all of it within 80 columns."""

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from nas.cli.report import abbreviate, error_panel, many, render_result, size
from nas.events import FrontPoint
from nas.result import SearchResult
from tests.nas.cli.fakes import ARCHITECTURE, FRONT, model, result


def drawn(render: Callable[[Console], None], width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as caught:
        render(console)
    return caught.get()


def test_every_number_of_a_receipt_has_its_kind() -> None:
    text = drawn(lambda console: render_result(console, result()))
    receipt = text[text.index("model for cpu") :]
    for name, number, kind in [
        ("latency", "0.0801 ms", "predicted ± 1.1%"),
        ("", "0.0812 ms (p50 0.0815, p95 0.0912)", "measured"),
        ("budget", "0.0900 ms (reachable: 0.0300 to 0.400)", "kept"),
        ("accuracy", "INT8 98.61%, FP32 98.89%", "measured, test part"),
        ("size", "INT8 328 kB, FP32 1.26 MB", "measured"),
        ("space", "1,234,567 of 1.23e+26 architectures", "predicted, exact"),
    ]:
        line = next(line for line in receipt.splitlines() if number in line)
        assert name in line
        assert kind in line
    assert "runs/digits-mobilenet-1/cpu" in receipt
    assert "2 images could not be read." in receipt
    assert "run digits-mobilenet-1: preparing 0.2 s, profiling cpu stored, training 1 min 15 s" in receipt.replace(
        "\n", " "
    )
    assert max(map(len, text.splitlines())) <= 80


def test_the_front_marks_the_chosen_point() -> None:
    text = drawn(lambda console: render_result(console, result()))
    rows = [line for line in text.splitlines() if "▶" in line]
    assert len(rows) == 1
    assert "93.00%" in rows[0]
    assert "0.0800 ms" in rows[0]


def test_a_long_front_is_thinned_but_keeps_its_ends_and_the_chosen_point() -> None:
    points = tuple(
        FrontPoint(
            architecture="resolution=8", architecture_id=f"id{i}", accuracy=0.5 + i / 1000, latency_ms=0.1 + i / 1000
        )
        for i in range(100)
    )
    chosen = model().model_copy(update={"architecture_id": "id50"})
    long = SearchResult(run="r", front=points, fronts={"cpu": points}, models={"cpu": chosen}, seconds={})
    text = drawn(lambda console: render_result(console, long))
    assert "of its 100 points" in text
    for accuracy in ("50.00%", "55.00%", "59.90%"):
        assert accuracy in text


def test_what_was_not_measured_and_what_missed_is_said() -> None:
    simulated = model(measured=None, binds=False)
    missed = model(measured=0.095)
    answer = SearchResult(
        run="r", front=FRONT, fronts={"a": FRONT, "b": FRONT}, models={"a": simulated, "b": missed}, seconds={}
    )
    text = " ".join(drawn(lambda console: render_result(console, answer)).replace("│", " ").split())
    assert "not measured simulated" in text
    assert "it does not bind" in text
    assert "0.0900 ms (reachable: 0.0300 to 0.400) missed" in text


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
    assert len(abbreviate(architecture, width)) <= width


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
    text = drawn(lambda console: console.print(error_panel(document)))
    for words in ("error: c", "[bold]d[/bold]", "Fix: f", "known:", "a 1, b 2", "ms: 0.123457"):
        assert words in text
