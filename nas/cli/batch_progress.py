"""Displays the events of a batch: a line for each step and each cell, and the bars of the search that runs, if only one does."""

from rich.text import Text

from nas.batch.spec import BatchSpec
from nas.cli.progress import Display, duration, milliseconds
from nas.events import BatchEvent, CellEvent, Event, ItemEvent, LogEvent, PlanEvent


class BatchProgress:
    """An event sink for batches.

    Args:
        display: of single searches.
        spec: of the batch.
        alone: whether one search runs at a time; else the progress of single searches is not displayed.
    """

    def __init__(self, display: Display, spec: BatchSpec, *, alone: bool) -> None:
        self._display, self._alone = display, alone
        self._names = {
            cell.id: f"{cell.data}, {cell.space}, {cell.target}, {cell.latency_ms}, seed {cell.seed}"
            for cell in spec.cells()
        }
        self._last: BatchEvent | None = None

    def __call__(self, event: Event) -> None:
        """Displays an event, where it is of use."""
        match event:
            case BatchEvent():
                self._batch(event)
            case CellEvent():
                self._cell(event)
            case ItemEvent():
                self._item(event)
            case _:
                self._display(event)

    def _batch(self, event: BatchEvent) -> None:
        last, self._last = self._last, event
        if (
            event.stage == "preparing"
            or not event.total
            or (last and (last.stage, last.done) == (event.stage, event.done))
        ):
            return
        left = "" if event.eta_s is None or event.done == event.total else f", about {duration(event.eta_s)} left"
        self._say(f"{event.stage}: {event.done} of {event.total}{left}", "bold")

    def _cell(self, event: CellEvent) -> None:
        name = self._names.get(event.cell, event.cell)
        if event.state == "succeeded" and event.metric is not None and event.latency_ms is not None:
            self._say(f"{name}: {event.metric.value:.1%} at {milliseconds(event.latency_ms)} ({event.kind})", "green")
        elif event.state != "succeeded":
            why = f". {event.detail}" if event.detail else ""
            self._say(f"{name}: {event.state}{why}", "dim" if event.state == "running" else "yellow")

    def _item(self, event: ItemEvent) -> None:
        inner = event.event
        if isinstance(inner, LogEvent):
            if inner.level != "info":
                self._say(f"{self._names.get(event.item, event.item)}: {inner.message}", "yellow")
        elif self._alone and not isinstance(inner, PlanEvent):
            self._display(inner)

    def _say(self, text: str, style: str) -> None:
        self._display.show(Text(text, style=style))
