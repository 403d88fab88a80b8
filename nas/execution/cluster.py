"""The executor on a Ray cluster. Ray itself is in a process of its own, the hub (`cluster_hub.py`); this one imports none of it."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final, Self

from hw_targets.stopping import never
from nas.events import EventSink, ignore
from nas.execution import cluster_address, cluster_errors
from nas.execution.cluster_messages import Alive, Assign, Cancel, Failed, Joined, Kill, Nodes, Recruit, Serve
from nas.execution.crew import Assignment, Departed, Message
from nas.execution.dispatch import Dispatch
from nas.execution.local import LocalExecutor
from nas.execution.packing import packed_store, restored_error
from nas.execution.spawned import end_group, start_connected
from nas.execution.work import Needs, WorkItem, WorkOutcome
from nas.store import Store
from search_spaces.errors import HwnasError

START_S: Final = 180.0
"""The hub must have connected, and all nodes described themselves, within this."""
SILENT_S: Final = 60.0
"""A hub that has said nothing for so long is stuck, and ended."""


class ClusterCrew:
    """The workers of a cluster, as the hub reports them."""

    queued_ahead = 8

    def __init__(self, address: str | None) -> None:
        """Connects; without an address, to a new cluster of this machine.

        Raises:
            ClusterUnreachable: there is no cluster at the address.
            ClusterMismatch: no node of it has the versions of this machine.
        """
        if address is not None:
            cluster_address.check_address(address)
        self.address = address or "this machine"
        self.host = ""
        self.slots: int | None = None
        self.devices: frozenset[str] = frozenset()
        self._workers: dict[str, Needs] = {}
        self._needed: Mapping[Needs, int] = {}
        self._unread: list[Message] = []
        self._last_ticket = 0
        self._lost: HwnasError | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`; Ray writes about every worker that ends)
        self._process, self._connection = start_connected(
            "nas.execution.cluster_hub", *([address] if address else []), stderr=self._log
        )
        self._heard = time.monotonic()
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + START_S
        while self.slots is None:
            if time.monotonic() > until:
                raise self._note_lost(f"it could not be used within {START_S:g} s")
            self._receive(0.2)

    def recruit(self, needed: Mapping[Needs, int]) -> None:
        """Lets the hub know what is needed, where that has changed.

        Raises:
            ClusterLost: there is no cluster any more.
        """
        self._check()
        needed = {needs: min(count, self.slots or 1) for needs, count in needed.items()}  # more workers there cannot be
        if needed != self._needed:
            self._needed = needed
            self._send(Recruit(self._needed))

    def suited(self, needs: Needs) -> Sequence[str]:
        """The workers that were started for the same needs."""
        return [worker for worker, its in self._workers.items() if its == needs]

    def admits(self, needs: Needs, running: Collection[Needs]) -> bool:
        """Always: a worker has reserved what its items need."""
        return True

    def assign(self, worker: str, assignment: Assignment) -> None:
        """Sends an item to a worker."""
        self._last_ticket = assignment.ticket
        self._send(Assign(worker, assignment))

    def cancel(self, worker: str) -> None:
        """Asks a worker to stop its items."""
        self._send(Cancel(worker, self._last_ticket))

    def kill(self, worker: str, reason: str) -> None:
        """Ends a worker."""
        self._send(Kill(worker, reason))

    def rest(self) -> None:
        """Lets the hub know that nothing is needed; it gives the cores back after a time."""
        self._needed = {}
        self._send(Recruit({}))

    def serve(self, folder: Path | None) -> None:
        """Serves a folder's files to nodes that do not see it."""
        self._send(Serve(None if folder is None else str(folder.absolute())))

    def messages(self, timeout_s: float) -> Sequence[Message]:
        """What came from the workers.

        Raises:
            ClusterLost: there is no cluster any more.
        """
        self._check()
        self._receive(timeout_s)
        found, self._unread = self._unread, []
        return found

    def _check(self) -> None:
        if self._lost is not None:
            raise self._lost

    def _receive(self, timeout_s: float) -> None:
        try:
            ready = self._connection.poll(timeout_s)
            while ready:
                self._take(self._connection.recv())
                ready = self._connection.poll()
        except (EOFError, OSError) as error:
            raise self._note_lost(f"the process that is connected to it has ended{self._last_words()}") from error
        if time.monotonic() - self._heard > SILENT_S:
            raise self._note_lost(f"it has not answered for {SILENT_S:g} s")

    def _take(self, message: Any) -> None:
        self._heard = time.monotonic()
        match message:
            case Alive():
                pass
            case Nodes(address, host, slots, devices):
                self.address, self.host, self.slots, self.devices = address, host, slots, devices
            case Joined(worker, needs):
                self._workers[worker] = needs
            case Failed(document):
                self._lost = restored_error(document)
                raise self._lost
            case _:
                if isinstance(message, Departed):
                    self._workers.pop(message.worker, None)
                self._unread.append(message)

    def _note_lost(self, reason: str) -> HwnasError:
        if self._lost is None:
            self._lost = cluster_errors.cluster_lost(self.address, reason)
        return self._lost

    def _last_words(self) -> str:
        """The last line that the hub wrote to stderr."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f" ({lines[-1][:300]})" if lines else ""

    def _send(self, message: object) -> None:
        with contextlib.suppress(OSError):  # a hub that has ended is noticed when it is read from
            self._connection.send(message)

    def close(self) -> None:
        """Ends the hub; Ray then ends what it has started on the cluster."""
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        end_group(self._process)
        self._log.close()


class RayExecutor:
    """Workers of a Ray cluster, one for as many cores as an item needs, on all nodes whose versions are those of this machine."""

    def __init__(self, address: str | None = None, most: Callable[[], int] | None = None) -> None:
        """Connects to a cluster; without an address, starts one on this machine, which ends with the executor.

        Args:
            address: of the cluster.
            most: as in `open_executor`.

        Raises:
            ClusterUnreachable: there is no cluster at the address.
            ClusterMismatch: no node of it has the versions of this machine.
        """
        self.name = "ray" if address is None else f"ray:{address}"
        self._crew = ClusterCrew(address)
        self._most = most
        self._here = LocalExecutor()

    @property
    def workers(self) -> int:
        """How many workers of one core the cluster has room for."""
        return self._crew.slots or 0

    @property
    def host(self) -> str:
        """The address of this machine in the cluster."""
        return self._crew.host

    def map(
        self,
        items: Sequence[WorkItem],
        *,
        store: Store,
        on_event: EventSink = ignore,
        cancelled: Callable[[], bool] = never,
        deadline_s: float | None = None,
    ) -> Iterator[WorkOutcome]:
        """Runs items; see `Executor.map`.

        A device that no node has is one of this machine: what measures it runs in this process, after the others.

        Raises:
            ClusterLost: the cluster's head, or the connection to it, was lost; what was computed is stored.
        """
        here = [n for n, item in enumerate(items) if item.needs.device not in {None, *self._crew.devices}]
        there = [n for n in range(len(items)) if n not in set(here)]
        with packed_store(store) as packed:
            self._crew.serve(store.files.folder)
            sent = [items[n] for n in there]
            dispatch = Dispatch(self._crew, sent, packed, on_event, cancelled, deadline_s, True, self._most)
            for outcome in dispatch.outcomes():
                yield replace(outcome, index=there[outcome.index])
        kept = [items[n] for n in here]
        for outcome in self._here.map(kept, store=store, on_event=on_event, cancelled=cancelled, deadline_s=deadline_s):
            yield replace(outcome, index=here[outcome.index])

    def close(self) -> None:
        """Ends the workers."""
        self._crew.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
