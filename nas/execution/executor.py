"""The seam between the engine and where its work runs, and the names of executors that a user can give."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, Self

from hw_targets.stopping import never
from nas.errors import InvalidSpec, UnknownExecutor
from nas.events import EventSink, ignore
from nas.execution.work import WorkItem, WorkOutcome
from nas.store import Store

VARIABLE: Final = "HWNAS_EXECUTOR"
"""The environment variable that names the executor where nothing else does."""

TRAINING_VARIABLE: Final = "HWNAS_TRAINING_WORKERS"
"""The environment variable that says how many workers train one network together, where nothing else does."""

LOCAL: Final = "local"


class Executor(Protocol):
    """Runs work items; results must not depend on which executor runs them."""

    @property
    def name(self) -> str:
        """As a user writes it: `local`, `processes:4`, `ray:10.0.0.1:6379`."""

    @property
    def workers(self) -> int:
        """How many items of one core it can run at once now."""

    @property
    def host(self) -> str:
        """The address of this machine by which workers reach it."""

    def map(
        self,
        items: Sequence[WorkItem],
        *,
        store: Store,
        on_event: EventSink = ignore,
        cancelled: Callable[[], bool] = never,
        deadline_s: float | None = None,
    ) -> Iterator[WorkOutcome]:
        """Runs items, and yields the outcome of each as it ends, in any order; one `map` at a time.

        An item's own error is in its outcome, and the others go on. An item whose worker dies, hangs or is lost is given to
        another worker, three times at most. Its events arrive before its outcome; those of an attempt that was lost remain.
        Closing the iterator stops what still runs.

        Args:
            items: to run.
            store: in which they find their inputs, and in which their results are.
            on_event: receives their events, in this thread, while the iterator is advanced.
            cancelled: polled twice a second at least.
            deadline_s: how long one attempt at an item may take.

        Raises:
            Cancelled: the caller requested a stop; all items have stopped, 30 s later at most.
        """

    def close(self) -> None:
        """Ends the workers. It can be called twice."""

    def __enter__(self) -> Self:
        """The executor itself; `close` is called on exit."""

    def __exit__(self, *error: object) -> None:
        """Closes it."""


def open_executor(text: str | None = None, most: Callable[[], int] | None = None) -> Executor:
    """The executor of a name; that of `HWNAS_EXECUTOR` where none is given, else `local`.

    Args:
        text: `local`; `processes`, or `processes:N` for N worker processes (as many as there are cores when absent); `ray` for a
            Ray cluster that is started on this machine, `ray:ADDRESS` for one that is there, `ray:auto` for the one of this machine.
        most: the most workers to have of a cluster that others use too, asked again and again; no bound when None.

    Raises:
        UnknownExecutor: there is none of that name.
        ClusterUnreachable, ClusterMismatch: there is no cluster at the address, or it has other versions.
    """
    kind, rest = check_executor(text)
    if kind == "ray":
        from nas.execution.cluster import RayExecutor

        return RayExecutor(rest or None, most)
    if kind == "processes":
        from nas.execution.processes import ProcessExecutor

        return ProcessExecutor(int(rest) if rest else None)
    from nas.execution.local import LocalExecutor

    return LocalExecutor()


def check_executor(text: str | None = None) -> tuple[str, str]:
    """Checks at once that there is an executor of a name, and something that answers at its address; its kind, and what follows the colon.

    Raises:
        UnknownExecutor, ClusterUnreachable: as `open_executor`.
    """
    text = text or os.environ.get(VARIABLE) or LOCAL
    kind, colon, rest = text.partition(":")
    if kind == "ray" and bool(rest) == bool(colon):
        from nas.execution.cluster_address import check_address

        if rest:
            check_address(rest)
    elif text != LOCAL and not re.fullmatch(r"processes(:[1-9]\d{0,3})?", text):
        raise UnknownExecutor(
            f"There is no executor {text!r}.",
            fix="Use local, processes, processes:N for N worker processes, ray, or ray:HOST:PORT for a Ray cluster.",
            facts={"executor": text},
        )
    return kind, rest


def training_workers(count: int | None = None) -> int:
    """How many workers train one network together: those given, else those of `HWNAS_TRAINING_WORKERS`, else one.

    Raises:
        InvalidSpec: that is no number from 1.
    """
    text = str(count) if count is not None else os.environ.get(TRAINING_VARIABLE) or "1"
    if not re.fullmatch(r"[1-9]\d{0,3}", text):
        raise InvalidSpec(
            f"{text!r} is no number of workers.",
            fix=f"Give a number from 1 to --training-workers, or to {TRAINING_VARIABLE}.",
            facts={"training_workers": text},
        )
    return int(text)
