"""The real engine with little work, slowed down in a phase that a test names, so that the phase can be met. No tests.

The file `phase` in the home names it. There each event takes a moment; a phase too short to be met so
waits at its start until it is asked to stop.
"""

import time
from collections.abc import Callable
from pathlib import Path

from nas import pipeline
from nas.events import Event, EventSink, PhaseEvent
from nas.execution.executor import Executor
from nas.result import SearchResult
from nas.spec import SearchSpec
from nas.stages.context import DeviceClaim
from nas.store import Store
from nas.work import ProfileWork
from tests.work import LITTLE

WORK = LITTLE.model_copy(update={"profile": ProfileWork(networks=8, held_out=4, rounds=2)})
SHORT = ("preparing", "delivering")
EVENT_S = 0.05


def search(
    spec: SearchSpec,
    *,
    out: Path,
    store: Store,
    on_event: EventSink,
    cancelled: Callable[[], bool],
    claim: DeviceClaim,
    executor: Executor,
) -> SearchResult:
    """The engine's search."""
    spec = spec.model_copy(update={"work": WORK})
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

    return pipeline.search(
        spec, out=out, store=store, on_event=slowed, cancelled=cancelled, claim=claim, executor=executor
    )
