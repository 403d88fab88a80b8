"""Progress from a recorded list of events: bars on a terminal, lines in a log, nothing when quiet."""

import io
import re

import pytest
from rich.console import Console
from rich.text import Text

from nas.cli.progress import Bars, Lines, Silent, duration, milliseconds, watch
from nas.events import PhaseEvent, ProgressEvent
from tests.nas.cli.fakes import events


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(step_s: float) -> list[str]:
    """The plain lines of the recorded events, told `step_s` apart."""
    out, clock = io.StringIO(), Clock()
    with watch(console=Console(file=out, width=80), clock=clock) as display:
        assert isinstance(display, Lines)
        for event in events():
            display(event)
            clock.now += step_s
    return out.getvalue().splitlines()


def screen(height: int | None = None, clock: Clock | None = None) -> tuple[str, list[str]]:
    """What bars print above themselves, and the bars at last."""
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None, legacy_windows=False)
    with watch(console=console, clock=clock or Clock()) as display:
        assert isinstance(display, Bars)
        for event in events()[:height]:
            display(event)
        display.show(Text("a drawing"))
        capture = Console(file=io.StringIO(), width=80, color_system=None)
        with capture.capture() as caught:
            capture.print(display.progress.get_renderable())
    bars = [line.rstrip() for line in caught.get().splitlines()]
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()), bars


def test_lines_tell_each_stage_once_and_then_every_ten_seconds() -> None:
    assert lines(step_s=0.5) == [
        "profiling cpu: found in the store",
        "training: started",
        "warning: 2 images could [not] be read",
        "training: finished in 1 min 20 s",
        "searching: started",
        "searching: finished in 1.0 s",
    ]
    assert lines(step_s=6.0) == [
        "profiling cpu: found in the store",
        "training: started",
        "training: 25%, 500/2,000 steps, 1 min 00 s left, loss largest 2.25",
        "training: 50%, 1,000/2,000 steps, 40 s left, loss largest 0.00449",
        "training: 75%, 1,500/2,000 steps, 20 s left, loss largest 0.00225",
        "warning: 2 images could [not] be read",
        "training: finished in 1 min 20 s",
        "searching: started",
        "searching: 33%, 1/3 candidates, 1 evaluated, none in the budget yet",
        "searching: 67%, 2/3 candidates, best 96.0% at 0.0834 ms",
        "searching: 100%, 3/3 candidates, best 96.0% at 0.0834 ms",
        "searching: finished in 1.0 s",
    ]


def test_bars_show_every_stage_with_what_it_took() -> None:
    above, bars = screen()
    assert "warning: 2 images could [not] be read" in above
    assert "a drawing" in above
    assert [bar.split()[0] for bar in bars] == ["profiling", "training", "searching"]
    assert bars[0].endswith("✓ stored")
    assert "2,000 steps" in bars[1]
    assert bars[1].endswith("✓ 1 min 20 s")
    assert "best 96.0% at 0.0834 ms" in bars[2]
    assert max(map(len, bars)) <= 80


def test_a_running_bar_counts_down_between_events() -> None:
    clock = Clock()
    out = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    display = Bars(out, clock)
    display(PhaseEvent(phase="training", status="started", target=None, seconds=None))
    assert _drawn(display).endswith("…")
    display(ProgressEvent(phase="training", done=500, total=2000, unit="steps", eta_s=75.0))
    assert _drawn(display).endswith("1 min 15 s left")
    assert "500/2,000 steps" in _drawn(display)
    clock.now += 30
    assert _drawn(display).endswith("45 s left")
    clock.now += 300
    assert _drawn(display).endswith("0.0 s left")


def _drawn(display: Bars) -> str:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    with console.capture() as caught:
        console.print(display.progress.get_renderable())
    return caught.get().strip()


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with watch(quiet=True) as display:
        assert isinstance(display, Silent)
        for event in events():
            display(event)
        display.show(Text("a drawing"))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with watch() as display:
        display(events()[0])
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "profiling cpu: found in the store\n")


def test_a_stage_of_no_size_is_no_division_by_zero() -> None:
    out = io.StringIO()
    for display in (Lines(Console(file=out), Clock()), Bars(Console(file=out), Clock())):
        display(ProgressEvent(phase="training", done=0, total=0, unit="steps", eta_s=None))
    assert "%" not in out.getvalue()


@pytest.mark.parametrize(
    "seconds, text",
    [(-1, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (59.7, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations_have_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    "value, text", [(0.09342, "0.0934 ms"), (0.1, "0.100 ms"), (1.234, "1.23 ms"), (12.34, "12.3 ms")]
)
def test_latencies_have_three_digits(value: float, text: str) -> None:
    assert milliseconds(value) == text
