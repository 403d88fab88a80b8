"""Progress from a recorded list of events: bars on a terminal, lines in a log, nothing when quiet."""

import io
import re

import pytest
from rich.console import Console
from rich.text import Text

from nas.cli.progress import Bars, Lines, Silent, duration, milliseconds, watch
from nas.events import CandidateEvent, Event, MetricEvent, PhaseEvent, PlanEvent, ProgressEvent
from tests.metrics import as_accuracy
from tests.nas.cli.fakes import events, tournament


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(step_s: float) -> list[str]:
    """The plain lines of the recorded events, emitted `step_s` apart."""
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
        display.show(Text("a rendering"))
        capture = Console(file=io.StringIO(), width=80, color_system=None)
        with capture.capture() as caught:
            capture.print(display.progress.get_renderable())
    bars = [line.rstrip() for line in caught.get().splitlines()]
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()), bars


def test_lines_tell_each_stage_once_and_then_every_ten_seconds() -> None:
    assert lines(step_s=0.5) == [
        "profiling cpu: cached",
        "training: started",
        "warning: 2 images could [not] be read",
        "training: finished in 1 min 20 s",
        "searching: started",
        "searching: finished in 1.0 s",
    ]
    assert lines(step_s=6.0) == [
        "profiling cpu: cached",
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
    assert "a rendering" in above
    assert [bar.split()[0] for bar in bars] == ["profiling", "training", "searching"]
    assert bars[0].endswith("✓ cached")
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


def two_targets() -> list[Event]:
    """A search for a processor ends with 96 % as its best, then one for a board begins, whose best is 91 %."""
    emitted: list[Event] = []
    for target, accuracies, latency_ms in (("cpu", (0.95, 0.96), 0.08), ("board", (0.90, 0.91, 0.89), 2.0)):
        emitted.append(PhaseEvent(phase="searching", status="started", target=target, seconds=None))
        for number, accuracy in enumerate(accuracies):
            emitted.append(
                CandidateEvent(
                    number=number, architecture="a", architecture_id="1", metric=as_accuracy(accuracy), latency_ms={target: latency_ms},
                    feasible={target: number > 0},
                )
            )  # fmt: skip
            emitted.append(ProgressEvent(phase="searching", target=target, done=number + 1, total=3, unit="candidates"))
    return emitted


def test_each_target_shows_its_own_best() -> None:
    out, clock = io.StringIO(), Clock()
    display, bars = Lines(Console(file=out, width=80), clock), Bars(Console(file=io.StringIO(), width=80), clock)
    for event in two_targets():
        clock.now += 11
        display(event)
        bars(event)
    assert out.getvalue().splitlines() == [
        "searching cpu: started",
        "searching cpu: 33%, 1/3 candidates, 1 evaluated, none in the budget yet",
        "searching cpu: 67%, 2/3 candidates, best 96.0% at 0.0800 ms",
        "searching board: started",
        "searching board: 33%, 1/3 candidates, 1 evaluated, none in the budget yet",
        "searching board: 67%, 2/3 candidates, best 91.0% at 2.00 ms",
        "searching board: 100%, 3/3 candidates, best 91.0% at 2.00 ms",
    ]
    cpu, board = _drawn(bars).splitlines()
    assert "best 96.0% at 0.0800" in cpu and "best 91.0% at 2.00 ms" in board


def test_a_candidate_of_two_targets_is_shown_for_each() -> None:
    out, clock = io.StringIO(), Clock()
    display = Lines(Console(file=out, width=80), clock)
    latencies = {"cpu": 0.5, "board": 7.0}
    for target in latencies:
        display(PhaseEvent(phase="searching", status="started", target=target, seconds=None))
    display(
        CandidateEvent(
            number=0, architecture="a", architecture_id="1", metric=as_accuracy(0.9), latency_ms=latencies,
            feasible={"cpu": True, "board": False}
        )
    )  # fmt: skip
    clock.now += 11
    for target in latencies:
        display(ProgressEvent(phase="searching", target=target, done=1, total=2, unit="candidates"))
    assert out.getvalue().splitlines()[2:] == [
        "searching cpu: 50%, 1/2 candidates, best 90.0% at 0.500 ms",
        "searching board: 50%, 1/2 candidates, 1 evaluated, none in the budget yet",
    ]


def test_each_trained_network_shows_its_own_loss() -> None:
    out, clock = io.StringIO(), Clock()
    display = Lines(Console(file=out, width=80), clock)
    for target, value in (("cpu", 0.5), ("board", 0.25)):
        display(MetricEvent(phase="fine_tuning", name="tune_loss", step=0, value=value, target=target))
        display(PhaseEvent(phase="fine_tuning", status="started", target=target, seconds=None))
    clock.now += 11
    for target in ("cpu", "board"):
        display(ProgressEvent(phase="fine_tuning", target=target, done=1, total=2, unit="steps"))
    assert [line.rpartition(", ")[2] for line in out.getvalue().splitlines()[2:]] == ["tune loss 0.5", "tune loss 0.25"]


def test_a_tournament_is_reported_round_by_round() -> None:
    """Of equals the faster is the best; b passes c in the second round; what is emitted again is printed once."""
    out, clock = io.StringIO(), Clock()
    display = Lines(Console(file=out, width=80), clock)
    for event in tournament():
        display(event)
        clock.now += 0.5
    assert out.getvalue().splitlines() == [
        "fine-tuning cpu: started",
        "fine-tuning cpu: round 1 of 2: best 96.0% at 0.0700 ms",
        "fine-tuning cpu: round 2 of 2: best 97.0% at 0.0900 ms",
    ]


@pytest.mark.parametrize(
    ("known", "emitted"), [("", True), ("2 networks are trained.", False), ("Another plan.", True)]
)
def test_a_plan_that_was_not_shown_before_is_reported(known: str, emitted: bool) -> None:
    event = PlanEvent(resolution=28, supernet=False, note="2 networks are trained.")
    for terminal in (False, True):
        out = io.StringIO()
        with watch(console=Console(file=out, width=80, force_terminal=terminal), known=known) as display:
            display(event)
        assert ("plan: 2 networks are trained." in out.getvalue()) is emitted


def test_a_long_round_is_reported_every_ten_seconds() -> None:
    out, clock = io.StringIO(), Clock()
    display = Lines(Console(file=out, width=80), clock)
    for event in tournament()[:12]:
        display(event)
        clock.now += 4
    assert out.getvalue().splitlines() == [
        "fine-tuning cpu: started",
        "fine-tuning cpu: 100%, 10/10 steps, tune loss 0.5",
        "fine-tuning cpu: 100%, 10/10 steps, round 1 of 2: best 95.0% at 0.0800 ms",
    ]


def test_one_bar_shows_a_whole_tournament() -> None:
    display = Bars(Console(file=io.StringIO(), width=80), Clock())
    emitted = tournament()
    for event in emitted[:19]:
        display(event)
    assert "fine-tuning cpu 1/2" in _drawn(display) and "best 96.0% at 0.0700 ms" in _drawn(display)
    display(PhaseEvent(phase="fine_tuning", status="started", target="cpu"))
    assert "✓" not in _drawn(display)
    for event in emitted[20:]:
        display(event)
    (bar,) = _drawn(display).splitlines()
    assert "fine-tuning cpu 2/2" in bar and "best 97.0% at 0.0900 ms" in bar
    assert bar.endswith("✓ 10 s")  # five networks, two seconds each


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
        display.show(Text("a rendering"))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with watch() as display:
        display(events()[0])
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "profiling cpu: cached\n")


def test_a_stage_of_no_size_is_no_division_by_zero() -> None:
    out = io.StringIO()
    for display in (Lines(Console(file=out), Clock()), Bars(Console(file=out), Clock())):
        display(PhaseEvent(phase="training", status="started", target=None, seconds=None))
        display(ProgressEvent(phase="training", done=0, total=0, unit="steps", eta_s=None))
    assert out.getvalue() == "training: started\n"  # the bars are drawn elsewhere


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
