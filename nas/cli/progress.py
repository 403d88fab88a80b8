"""Displays the engine's events on stderr: bars with the time left on a terminal, plain lines in a log, nothing when quiet.

A progress display is an event sink. Times come from a clock that tests replace. Not here: final tables (`report.py`).
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from nas.events import (
    CandidateEvent,
    Event,
    FinalistEvent,
    FrontEvent,
    LogEvent,
    MetricEvent,
    PhaseEvent,
    PlanEvent,
    ProgressEvent,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress, Task, TaskID

INTERVAL_S: Final = 10.0
"""Between two plain lines of one stage."""

VERBS: Final = {"started": "started", "reused": "cached"}

RATES: Final = ("learning_rate", "images_per_second")
"""Endings of the names of metrics that show the pace of a training, not its quality."""


class Display(Protocol):
    """An event sink that can also display a rendering."""

    def __call__(self, event: Event) -> None:
        """Handles one event."""

    def show(self, rendering: "RenderableType") -> None:
        """Displays something between the bars."""


@contextmanager
def watch(
    *,
    quiet: bool = False,
    known: str = "",
    console: "Console | None" = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Display]:
    """The display that suits stderr (or `console`): bars if it is a terminal, lines if not, nothing when quiet.

    A plan's note that is `known`, since it was displayed before the start, is not repeated.
    """
    if quiet:
        yield Silent()
        return
    from rich.console import Console

    console = console or Console(file=sys.stderr, highlight=False)
    if console.is_terminal:
        display = Bars(console, clock, known)
        with display.progress:
            yield display
    else:
        yield Lines(console, clock, known)


class Silent:
    """Displays nothing."""

    def __call__(self, event: Event) -> None:
        """Ignores the event."""

    def show(self, rendering: "RenderableType") -> None:
        """Ignores the rendering."""


def duration(seconds: float) -> str:
    """A length of time in at most two units: `0.4 s`, `42 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


class _Notes:
    """The newest note on each stage of each target, and the last evaluated round of a tournament."""

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str | None], str] = {}
        self._best: dict[str, float] = {}
        self._learning: set[tuple[str, str | None]] = set()
        self._finalists: dict[str, dict[str, FinalistEvent]] = {}
        self._rounds: dict[str | None, tuple[int, int]] = {}

    def take(self, event: Event) -> None:
        """Records an event."""
        match event:
            case MetricEvent():
                stage = (event.phase, event.target)
                if not event.name.endswith(RATES):
                    self._learning.add(stage)
                elif stage in self._learning:  # a rate is less informative than a loss
                    return
                if event.phase != "fine_tuning" or event.target not in self._finalists:
                    self._note(*stage, f"{event.name.replace('_', ' ')} {event.value:.3g}")
            case FinalistEvent():
                self._finalist(event)
            case CandidateEvent():
                for target, latency_ms in event.latency_ms.items():
                    if event.feasible.get(target) and event.metric.value > self._best.get(target, -1.0):
                        self._best[target] = event.metric.value
                        self._note("searching", target, f"best {event.metric.value:.1%} at {milliseconds(latency_ms)}")
                    elif target not in self._best:
                        self._note("searching", target, f"{event.number + 1} evaluated, none in the budget yet")
            case FrontEvent() if event.of == "candidates" and event.target not in self._best:
                self._note("searching", event.target, f"front of {len(event.points)}")
            case _:
                pass

    def of(self, phase: str, target: str | None) -> str:
        """The note on a stage; of one that is for no target, the newest of any. Empty if there is none."""
        return self._notes.get((phase, target), "")

    def round_of(self, phase: str, target: str | None) -> tuple[int, int] | None:
        """The last evaluated round of a stage's tournament, from 1, and how many there are."""
        return self._rounds.get(target) if phase == "fine_tuning" else None

    def _finalist(self, event: FinalistEvent) -> None:
        finalists = self._finalists.setdefault(event.target, {})
        finalists[event.architecture_id] = event
        best = max(finalists.values(), key=lambda one: (one.metric.value, -one.latency_ms))
        self._rounds[event.target] = self._rounds[None] = (event.round + 1, event.rounds)
        self._note("fine_tuning", event.target, f"best {best.metric.value:.1%} at {milliseconds(best.latency_ms)}")

    def _note(self, phase: str, target: str | None, text: str) -> None:
        self._notes[phase, target] = self._notes[phase, None] = text


def milliseconds(value: float) -> str:
    """A latency with three significant digits: `0.0934 ms`, `12.3 ms`."""
    digits = 4 if value < 0.1 else 3 if value < 1 else 2 if value < 10 else 1
    return f"{value:.{digits}f} ms"


def stage_name(name: str) -> str:
    """A stage as people read it: `fine-tuning cpu` of `fine_tuning:cpu`."""
    return name.replace("fine_tuning", "fine-tuning").replace(":", " ")


def _label(phase: str, target: str | None) -> str:
    return stage_name(f"{phase}:{target}" if target else phase)


def _count(value: float) -> str:
    return f"{value:,.0f}"


class Lines:
    """A plain line when a stage begins and ends, and every ten seconds while it runs."""

    def __init__(self, console: "Console", clock: Callable[[], float], known: str = "") -> None:
        self._console, self._clock, self._known = console, clock, known
        self._said: dict[str, float] = {}
        self._notes = _Notes()
        self._last = ""

    def show(self, rendering: "RenderableType") -> None:
        """Prints it."""
        self._console.print(rendering)

    def __call__(self, event: Event) -> None:
        """Prints a line for events that need one."""
        self._notes.take(event)
        match event:
            case PhaseEvent() if event.phase == "fine_tuning":  # as many stages as networks and rounds
                label = _label(event.phase, event.target)
                if event.status == "started" and label not in self._said:
                    self._say(label, VERBS[event.status])
                self._said.setdefault(label, self._clock())
            case PhaseEvent():
                label = _label(event.phase, event.target)
                self._said[label] = self._clock()
                ended = f"finished in {duration(event.seconds)}" if event.seconds is not None else "finished"
                self._say(label, VERBS.get(event.status, ended))
            case FrontEvent() if event.of == "trained":  # a round is complete
                label = _label("fine_tuning", event.target)
                self._said[label] = self._clock()
                self._say_once(label, self._note_with_round("fine_tuning", event.target))
            case ProgressEvent() if event.total > 0:
                self._progress(event)
            case LogEvent():
                self._say(event.level, event.message)
            case PlanEvent() if event.note != self._known:
                self._say("plan", event.note)
            case _:
                pass

    def _progress(self, event: ProgressEvent) -> None:
        label, now = _label(event.phase, event.target), self._clock()
        if now - self._said.setdefault(label, now) < INTERVAL_S:
            return
        self._said[label] = now
        parts = [f"{event.done / event.total:.0%}", f"{_count(event.done)}/{_count(event.total)} {event.unit}"]
        if event.eta_s is not None:
            parts.append(f"{duration(event.eta_s)} left")
        if note := self._note_with_round(event.phase, event.target):
            parts.append(note)
        self._say(label, ", ".join(parts))

    def _note_with_round(self, phase: str, target: str | None) -> str:
        """The stage's note, with the round that it is of where there are rounds."""
        note, number = self._notes.of(phase, target), self._notes.round_of(phase, target)
        return note if number is None else f"round {number[0]} of {number[1]}: {note}"

    def _say_once(self, label: str, text: str) -> None:
        """Prints a line unless it repeats the last one: a tournament emits its front again when it is over."""
        if text and text != self._last:
            self._last = text
            self._say(label, text)

    def _say(self, label: str, text: str) -> None:
        self._console.print(f"{label}: {text}", markup=False, soft_wrap=True)


class Bars:
    """A bar for each stage, with its progress, its newest note, and the time left."""

    def __init__(self, console: "Console", clock: Callable[[], float], known: str = "") -> None:
        self._clock, self._known = clock, known
        self.progress = _bars(console, clock)
        self._tasks: dict[tuple[str, str | None], TaskID] = {}
        self._totals: dict[TaskID, float] = {}
        self._units: dict[TaskID, str] = {}
        self._seconds: dict[TaskID, float] = {}
        self._notes = _Notes()

    def show(self, rendering: "RenderableType") -> None:
        """Prints it above the bars."""
        self.progress.console.print(rendering)

    def __call__(self, event: Event) -> None:
        """Moves a bar, or prints messages above the bars."""
        from rich.text import Text

        self._notes.take(event)
        if isinstance(event, MetricEvent | CandidateEvent | FrontEvent | FinalistEvent):
            for stage, task in self._tasks.items():
                number = self._notes.round_of(*stage)
                label = _label(*stage) + (f" {number[0]}/{number[1]}" if number else "")
                self.progress.update(task, description=label, note=self._notes.of(*stage))
        match event:
            case PhaseEvent():
                self._phase(event)
            case ProgressEvent():
                self._progress(event)
            case LogEvent():
                style = {"info": "dim", "warning": "yellow", "error": "bold red"}.get(event.level, "none")
                self.show(Text(f"{event.level}: {event.message}", style=style))
            case PlanEvent() if event.note != self._known:
                self.show(Text(f"plan: {event.note}", style="dim"))
            case _:
                pass

    def _progress(self, event: ProgressEvent) -> None:
        task = self._task(event)
        self._totals[task], self._units[task] = event.total, event.unit
        deadline = self._clock() + event.eta_s if event.eta_s is not None else None
        amount = f"{_count(event.done)}/{_count(event.total)} {event.unit}"
        self.progress.update(task, completed=event.done, total=event.total or None, amount=amount, deadline=deadline)

    def _task(self, event: PhaseEvent | ProgressEvent) -> "TaskID":
        stage = (event.phase, event.target)
        if stage not in self._tasks:
            label = _label(*stage)
            self._tasks[stage] = self.progress.add_task(label, total=None, amount="", note="", deadline=None, ended="")
        return self._tasks[stage]

    def _phase(self, event: PhaseEvent) -> None:
        """A stage may run several times: its bar restarts each time, and shows the total time at the end."""
        task = self._task(event)
        if event.status == "started":
            self.progress.update(task, completed=0, ended="")
            return
        total = self._totals.get(task, 1)
        taken = self._seconds[task] = self._seconds.get(task, 0.0) + (event.seconds or 0.0)
        ended = "cached" if event.status == "reused" and not taken else duration(taken)
        amount = f"{_count(total)} {self._units[task]}" if task in self._units else ""
        self.progress.update(task, completed=total, total=total, amount=amount, deadline=None, ended=ended)


def _bars(console: "Console", clock: Callable[[], float]) -> "Progress":
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Left(ProgressColumn):
        """How long the stage took, or the remaining time by the engine's own estimate."""

        def render(self, task: "Task") -> Text:
            fields: dict[str, Any] = task.fields
            if fields["ended"]:
                return Text(f"✓ {fields['ended']}", style="green")
            if fields["deadline"] is None:
                return Text("…", style="dim")
            return Text(f"{duration(max(0.0, fields['deadline'] - clock()))} left", style="cyan")

    def text(template: str, style: str = "none", **column: Any) -> TextColumn:
        return TextColumn(
            template, style=style, markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", **column)
        )

    return Progress(
        text("{task.description}", "bold", min_width=10, max_width=20),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=6)),
        text("{task.fields[amount]}", max_width=22),
        text("{task.fields[note]}", "dim", max_width=24),
        Left(table_column=Column(no_wrap=True, min_width=8)),
        console=console,
        expand=True,
        refresh_per_second=5,
    )
