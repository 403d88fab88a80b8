"""The real engine with little work, slowed down in a phase that a test names, so that the phase can be met. No tests.

The file `phase` in the home names it. There each event takes a moment; a phase too short to be met so
waits at its start until it is asked to stop.
"""

import time
from collections.abc import Callable
from pathlib import Path

from nas.stages.effort import WORK, Work

from nas import pipeline
from nas.events import Event, EventSink, PhaseEvent
from nas.result import SearchResult
from nas.spec import SearchSpec
from nas.stages.context import Hold
from nas.store import Store

LITTLE = Work(8, 4, 2, train_images=2_000, queries=8, tune_images=1_000)
SHORT = ("preparing", "delivering")
EVENT_S = 0.05


def search(
    spec: SearchSpec, *, out: Path, store: Store, on_event: EventSink, cancelled: Callable[[], bool], hold: Hold
) -> SearchResult:
    """The engine's search."""
    WORK["quick"] = LITTLE
    held = out.parents[1] / "phase"

    def slowed(event: Event) -> None:
        on_event(event)
        if not held.exists() or getattr(event, "phase", None) != (phase := held.read_text()):
            return
        time.sleep(EVENT_S)
        if phase in SHORT and isinstance(event, PhaseEvent) and event.status == "started":
            until = time.monotonic() + 30
            while not cancelled() and time.monotonic() < until:
                time.sleep(0.01)

    return pipeline.search(spec, out=out, store=store, on_event=slowed, cancelled=cancelled, hold=hold)
