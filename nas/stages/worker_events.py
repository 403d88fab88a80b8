"""Stages that workers run ahead: their items, and their events, which the driver emits in the order of the items.

Not here: the items (`training_item.py`, `search_ahead.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nas.errors import UnsendableWork
from nas.events import EVENT, Event, LogEvent, Phase, PhaseEvent, ProgressEvent
from nas.execution.executor import Executor
from nas.execution.work import Site, WorkItem, WorkOutcome
from nas.stages.context import Context
from search_spaces.errors import HwnasError


class Recorder:
    """The event sink of a work item's stages.

    Args:
        site: of the item; it gets at once what `at_once` says.
        at_once: whether an event is emitted while the item runs; others are recorded, but for progress and warnings.
    """

    def __init__(self, site: Site, at_once: Callable[[Event], bool]) -> None:
        self._site, self._at_once = site, at_once
        self._events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Takes an event."""
        if self._at_once(event):
            self._site.on_event(event)
        elif not isinstance(event, ProgressEvent) and not (isinstance(event, LogEvent) and event.level == "warning"):
            self._events.append(event)

    def value(self, context: Context) -> dict[str, Any]:
        """What was recorded, and the warnings of the item's context, as JSON values."""
        events = [event.model_dump(mode="json") for event in self._events]
        return {"events": events, "warnings": [list(noted) for noted in context.noted]}


def run_ahead(
    context: Context,
    executor: Executor,
    items: Sequence[WorkItem],
    replay: "Replay",
    *,
    otherwise: str,
    deadline_s: float | None = None,
) -> None:
    """Runs items whose results stages then find. What cannot be sent to a worker is left to the stages.

    Args:
        context: of the run.
        executor: of the items.
        items: of one kind.
        replay: of their events.
        otherwise: what happens with items that cannot be sent, for the log.
        deadline_s: see `Executor.map`.

    Raises:
        Cancelled: the caller requested a stop.
        HwnasError: an item failed; the others are done.
    """
    failures, reasons = list[HwnasError](), dict[str, None]()
    for outcome in executor.map(
        items, store=context.store, on_event=context.on_event, cancelled=context.cancelled, deadline_s=deadline_s
    ):
        error = replay.take(outcome)
        if isinstance(error, UnsendableWork):
            reasons.setdefault(error.detail)
        elif error is not None:
            failures.append(error)
    for reason in reasons:
        context.info(f"{otherwise}: {reason}")
    if failures:
        raise failures[0]


class Replay:
    """Emits what was recorded of items in their order, and how many of each target have ended.

    Args:
        context: that emits.
        targets: of each item, in their order.
        phase, unit: of the progress; of a single item there is none, it has its own.
    """

    def __init__(self, context: Context, targets: Sequence[str], phase: Phase, unit: str) -> None:
        self._context, self._targets = context, targets
        self._waiting: dict[int, Any] = {}
        self._next, self._done = 0, dict.fromkeys(targets, 0)
        self._meters = {name: context.progress(phase, unit, target=name) for name in self._done}

    def take(self, outcome: WorkOutcome) -> HwnasError | None:
        """Takes an outcome; the error of one that failed."""
        self._waiting[outcome.index] = outcome.value
        while self._next in self._waiting:
            self._emit(self._waiting.pop(self._next))
            self._next += 1
        target = self._targets[outcome.index]
        self._done[target] += 1
        if len(self._targets) > 1:
            self._meters[target](self._done[target], self._targets.count(target))
        return outcome.error

    def _emit(self, value: Any) -> None:
        if value is None:
            return
        for event in value["events"]:
            self._context.on_event(EVENT.validate_python(event))
        for target, message in value["warnings"]:
            self._context.warn(message, target=target)


def without_repeats(context: Context, phase: Phase) -> Context:
    """A context that does not report stages of a phase as cached: they were reported when workers ran them."""

    def emit(event: Event) -> None:
        if not (isinstance(event, PhaseEvent) and event.phase == phase and event.status == "reused"):
            context.on_event(event)

    return replace(context, on_event=emit)
