"""The executor that needs nothing: items run in this process, one by one, in their order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Self

from hw_targets.stopping import never
from nas.errors import Cancelled
from nas.events import EventSink, ignore
from nas.execution.work import LOOPBACK, KeptValues, Site, WorkItem, WorkOutcome, run_item
from nas.store import Store
from search_spaces.errors import HwnasError


class LocalExecutor:
    """Runs items in this process. A deadline ends an item at its next check for a stop; there is no other worker to try."""

    name = "local"
    workers = 1
    host = LOOPBACK

    def __init__(self) -> None:
        self._kept = KeptValues()

    def map(
        self,
        items: Sequence[WorkItem],
        *,
        store: Store,
        on_event: EventSink = ignore,
        cancelled: Callable[[], bool] = never,
        deadline_s: float | None = None,
    ) -> Iterator[WorkOutcome]:
        """Runs items; see `Executor.map`."""
        site = Site(store, on_event, cancelled, self._kept)
        for index, item in enumerate(items):
            outcome = WorkOutcome(index, None)
            try:
                outcome = replace(outcome, value=run_item(item, site, deadline_s))
            except HwnasError as error:
                if isinstance(error, Cancelled) and cancelled():
                    raise
                outcome = replace(outcome, error=error)
            yield outcome

    def close(self) -> None:
        """Drops the values that items kept."""
        self._kept = KeptValues()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
