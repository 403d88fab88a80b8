"""The executor with a pool of worker processes on this machine. Not here: who gets which item (`dispatch.py`)."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Final, Self

from hw_targets.stopping import never
from nas.errors import WorkerLost
from nas.events import EventSink, ignore
from nas.execution.crew import Assignment, Departed, Message
from nas.execution.dispatch import Dispatch
from nas.execution.packing import packed_store
from nas.execution.spawned import end_group, start_connected
from nas.execution.work import LOOPBACK, Needs, WorkItem, WorkOutcome
from nas.store import Store

MOST_EARLY_DEATHS: Final = 6
"""Workers that may die one after the other before any has sent a message."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def machine_memory_bytes() -> int:
    """Memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@dataclass
class _Worker:
    process: "subprocess.Popen[bytes]"
    connection: "Connection[object, Message]"
    spoke: bool = False


class ProcessCrew:
    """Processes that are started when they are needed, up to a number, and stay."""

    queued_ahead = 0

    def __init__(self, most: int) -> None:
        self.most = most
        self._workers: dict[str, _Worker] = {}
        self._departed: list[Departed] = []
        self._early_deaths = self._last_ticket = 0

    def recruit(self, needed: Mapping[Needs, int]) -> None:
        """Starts as many processes as there are items, up to the number of workers.

        Raises:
            WorkerLost: processes end before they have said anything, one after the other.
        """
        if self._early_deaths >= MOST_EARLY_DEATHS:
            raise WorkerLost(
                "Worker processes end as soon as they are started.",
                fix="Read what they wrote to stderr; the machine may lack memory. Or use --executor local.",
            )
        while len(self._workers) < min(self.most, sum(needed.values())):
            self._start()

    def suited(self, needs: Needs) -> Sequence[str]:
        """All of them: they are on one machine."""
        return list(self._workers)

    def admits(self, needs: Needs, running: Collection[Needs]) -> bool:
        """Whether cores and memory are left, and nobody measures the same device; one alone always starts."""
        if not running:
            return True
        if needs.device is not None and any(needs.device == other.device for other in running):
            return False
        together = (needs, *running)
        cores, memory = sum(one.cores for one in together), sum(one.memory_bytes for one in together)
        return cores <= max(available_cores(), self.most) and memory <= machine_memory_bytes()

    def assign(self, worker: str, assignment: Assignment) -> None:
        """Sends an item to a process."""
        self._last_ticket = assignment.ticket
        self._send(worker, assignment)

    def cancel(self, worker: str) -> None:
        """Asks a process to stop its items."""
        self._send(worker, self._last_ticket)

    def kill(self, worker: str, reason: str) -> None:
        """Kills a process with what it started."""
        if worker in self._workers:
            _end(self._workers.pop(worker))
            self._departed.append(Departed(worker, reason))

    def rest(self) -> None:
        """Nothing: idle processes cost little."""

    def messages(self, timeout_s: float) -> Sequence[Message]:
        """What the processes sent."""
        found: list[Message] = []
        connections = {one.connection: name for name, one in self._workers.items()}
        ready = wait(list(connections), 0 if self._departed else timeout_s) if connections else []
        if not connections and not self._departed:
            time.sleep(timeout_s)
        for connection in ready:
            name = connections[connection]  # type: ignore[index]  # only connections were waited for
            found += self._read(name)
        found += self._departed
        self._departed = []
        return found

    def _read(self, name: str) -> Iterator[Message]:
        worker = self._workers.get(name)
        try:
            while worker is not None and worker.connection.poll():
                yield worker.connection.recv()
                worker.spoke, self._early_deaths = True, 0
        except (EOFError, OSError):
            self._bury(name)

    def _bury(self, name: str) -> None:
        """Notes a process that has ended by itself."""
        worker = self._workers.pop(name)
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(timeout=2)
        code = worker.process.returncode
        self._early_deaths += not worker.spoke
        _end(worker)
        self._departed.append(Departed(name, _reason(code)))

    def _send(self, name: str, message: object) -> None:
        worker = self._workers.get(name)
        if worker is None:
            return
        with contextlib.suppress(OSError):  # it has died, which is seen when it is read from
            worker.connection.send(message)

    def _start(self) -> None:
        process, ours = start_connected("nas.execution.worker")
        self._workers[f"process {process.pid}"] = _Worker(process, ours)

    def close(self) -> None:
        """Ends all processes."""
        for worker in self._workers.values():
            worker.connection.close()
        for worker in self._workers.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(timeout=2)
            _end(worker)
        self._workers.clear()


def _end(worker: _Worker) -> None:
    """Kills a process with what it started, and frees what this process has of it."""
    end_group(worker.process)
    worker.connection.close()


def _reason(code: int | None) -> str:
    if code is not None and code < 0:
        hint = ", perhaps since memory ran out" if code == -signal.SIGKILL else ""
        return f"was ended by {signal.Signals(-code).name}{hint}"
    return "closed its connection" if code is None else f"ended with exit code {code}"


class ProcessExecutor:
    """Worker processes, as many as there are cores where no number is given; they start when they are first needed."""

    host = LOOPBACK

    def __init__(self, workers: int | None = None) -> None:
        self.name = "processes" if workers is None else f"processes:{workers}"
        self._crew = ProcessCrew(workers or available_cores())

    @property
    def workers(self) -> int:
        """How many items run at once."""
        return self._crew.most

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
        with packed_store(store) as packed:
            yield from Dispatch(self._crew, items, packed, on_event, cancelled, deadline_s).outcomes()

    def close(self) -> None:
        """Ends the processes."""
        self._crew.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
