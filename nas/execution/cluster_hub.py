"""The process that is the driver on a Ray cluster for one `ClusterCrew`: `python -m nas.execution.cluster_hub DESCRIPTOR [ADDRESS]`.

It is a process of its own since Ray takes over signals, ends a driver that loses the head, and may block without a limit: the crew
ends a hub that does not answer. It ends as soon as the crew's process has; Ray then ends its workers. All that it does is
reactions to what is in its inbox: commands, replies of workers, and the list of nodes.
"""

import contextlib
import itertools
import os
import queue
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from typing import Any, Final

from nas.execution import cluster_address, cluster_errors, handshake
from nas.execution.cluster_files import ServedFiles, StoreServer
from nas.execution.cluster_messages import Alive, Assign, Cancel, Failed, Joined, Kill, Nodes, Recruit, Serve
from nas.execution.cluster_nodes import Roster, living_nodes
from nas.execution.cluster_plan import Node, Placed, fits, plan, resources_of
from nas.execution.cluster_worker import ClusterWorker
from nas.execution.crew import Assignment, Departed, Ended, Notice, Unmet
from nas.execution.packing import error_document
from nas.execution.work import Needs
from search_spaces.errors import HwnasError

NODES_S: Final = 1.0
"""Between two looks at the nodes."""
HEAD_TRIES: Final = 4
"""So often in a row the head must not answer until it counts as lost."""
SILENT_S: Final = 90.0
"""A worker whose poll has not returned for so long is ended."""
UNMET_S: Final = 10.0
"""Needs that no node can meet are waited for so long: nodes may join."""
REST_S: Final = 20.0
"""Workers that are not needed for so long are ended: others may wait for their cores."""
NEXT_S: Final = 0.01
"""The next item of a worker that has ended one is there within this: it goes with the next poll, which halves the calls."""
TOGETHER_S: Final = 0.003
"""Items for one worker that come within this are one call."""
QUIT_S: Final = 4.0
"""For leaving the cluster in order."""
CROWDED_S: Final = 30.0
"""After this without any worker the user hears that the cluster is busy."""


@dataclass
class _Worker:
    actor: Any
    node: str
    needs: Needs
    joined: bool = False
    tickets: set[int] = field(default_factory=set)
    asked: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class _Reply:
    """A call has returned."""

    call: str
    of: str
    future: Any


@dataclass(frozen=True, slots=True)
class _Listed:
    nodes: list[Node]


@dataclass(frozen=True, slots=True)
class _HeadLost:
    pass


@dataclass(frozen=True, slots=True)
class _Quit:
    pass


class Hub:
    """The state of the driver."""

    def __init__(self, connection: Connection, address: str) -> None:
        from ray.util import get_node_ip_address

        self._connection, self._address = connection, address
        self._host: str = get_node_ip_address()  # type: ignore[no-untyped-call]  # a part of Ray has no types
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        ours = handshake.describe()
        self._roster = Roster(ours)
        self._workers: dict[str, _Worker] = {}
        self._needed: Mapping[Needs, int] = {}
        self._unmet_since: dict[Needs, float] = {}
        self._crowded_since: float | None = None
        self._resting_since: float | None = None
        self._between: dict[str, float] = {}
        """Workers that have ended an item, which are asked again at a time, with the items that came for them until then."""
        self._next: dict[str, list[Assignment]] = {}
        self._served: ServedFiles | None = None
        self._reported: Nodes | None = None
        self._numbers = itertools.count(1)
        self._prefix = f"{ours['host']}-{os.getpid()}"

    def run(self) -> None:
        """Reacts to the inbox until the process ends."""
        beat = 0.0
        while True:
            with contextlib.suppress(queue.Empty):
                self._react(self.inbox.get(timeout=TOGETHER_S if self._between else 0.5))
            now = time.monotonic()
            for name in [name for name, due in self._between.items() if now >= due]:
                self._poll(name)
            if time.monotonic() - beat > 1.0:
                beat = time.monotonic()
                self._send(Alive())
                self._watch()

    def _react(self, message: Any) -> None:
        match message:
            case Assign(name, assignment):
                self._assign(name, assignment)
            case _Reply("poll", name, future):
                self._polled(name, future)
            case _Reply("describe", node, future):
                self._described(node, future)
            case Recruit(needed):
                self._needed, self._resting_since = needed, None if needed else time.monotonic()
                self._recruit()
            case Cancel(name, up_to) if name in self._workers:
                self._workers[name].actor.cancel.remote(up_to)
            case Kill(name, reason):
                self._end(name, reason)
            case Serve(folder):
                self._serve(folder)
            case _Listed(nodes):
                self._see(nodes)
            case _Quit():
                _shut_down()
            case _HeadLost():
                self._fail(cluster_errors.cluster_lost(self._address, "its head does not answer any more"))

    # --- Nodes

    def _see(self, nodes: list[Node]) -> None:
        """Asks new nodes to describe themselves."""
        for node in self._roster.update(nodes, time.monotonic()):
            self._call("describe", node.id, _remote(handshake.describe, node.id, num_cpus=0, max_retries=0))
        self._report()
        self._recruit()

    def _described(self, node_id: str, future: Any) -> None:
        try:
            answer = future.result()
        except Exception as error:  # noqa: BLE001 (whatever keeps a node from answering, in Ray's words)
            answer = error
        self._warn_of(self._roster.answered(node_id, answer))
        self._report()
        self._recruit()

    def _warn_of(self, reason: str | None) -> None:
        """Names a node that is not used; if none is, that is an error, see `_report`."""
        if reason is not None and (self._roster.usable or not self._roster.settled):
            self._send(Notice(reason, "warning"))

    def _report(self) -> None:
        """Says what there is to work with, once all nodes have answered; or that there is nothing."""
        roster = self._roster
        if not roster.settled:
            return
        if not roster.usable and roster.rejected:
            self._fail(cluster_errors.mismatch(self._address, list(roster.rejected.values())))
        elif (found := Nodes(self._address, self._host, roster.slots, roster.devices)) != self._reported:
            self._reported = found
            self._send(found)

    # --- Workers

    def _recruit(self) -> None:
        """Starts the workers that the plan has, and ends those that it has no use for."""
        placed = [Placed(name, w.node, w.needs, bool(w.tickets)) for name, w in self._workers.items()]
        starts, ends = plan(self._needed, list(self._roster.usable.values()), placed)
        for name in ends:
            self._end(name, "was not needed any more")
        for node, needs in starts:
            name = f"{self._roster.usable[node].address} {self._prefix}-{next(self._numbers)}"
            resources = resources_of(needs)
            actor = _remote(
                ClusterWorker, node, name=name, num_cpus=resources.pop("CPU"), memory=resources.pop("memory", None),
                resources=resources, max_restarts=0, max_task_retries=0, max_concurrency=6,
            )  # fmt: skip
            self._workers[name] = _Worker(actor, node, needs)
            self._poll(name)

    def _poll(self, name: str) -> None:
        """Asks a worker for messages, and gives it its next items along."""
        self._between.pop(name, None)
        worker, items = self._workers[name], self._next.pop(name, [])
        try:
            future = worker.actor.poll.remote(items, self._served)
        except Exception as error:  # noqa: BLE001 (Ray has several for a store without room)
            self._reject(worker, items, error)
            future = worker.actor.poll.remote([], None)
        self._call("poll", name, future)
        worker.asked = time.monotonic()

    def _reject(self, worker: _Worker, items: Sequence[Assignment], error: Exception) -> None:
        """Ends items that cannot be given to a worker."""
        document = error_document(cluster_errors.object_store_full(str(error)))
        for item in items:
            worker.tickets.discard(item.ticket)
            self._send(Ended(item.ticket, None, document))

    def _polled(self, name: str, future: Any) -> None:
        worker = self._workers.get(name)
        if worker is None:
            return
        try:
            messages = future.result()
        except Exception as error:  # noqa: BLE001 (a worker that cannot be asked is lost, whatever the reason)
            self._end(name, cluster_errors.loss_reason(error))
            return
        if not worker.joined:
            worker.joined, self._crowded_since = True, None
            self._send(Joined(name, worker.needs))
        for message in messages:
            if isinstance(message, Ended):
                worker.tickets.discard(message.ticket)
            self._send(message)
        if any(isinstance(message, Ended) for message in messages):
            self._between[name] = time.monotonic() + NEXT_S
        else:
            self._poll(name)

    def _assign(self, name: str, assignment: Assignment) -> None:
        """Gives a worker an item: with the next poll where that is due, together with others that come at the same time."""
        worker = self._workers.get(name)
        if worker is None:
            return
        worker.tickets.add(assignment.ticket)
        if name in self._between:
            if name not in self._next:
                self._between[name] = min(self._between[name], time.monotonic() + TOGETHER_S)
            self._next.setdefault(name, []).append(assignment)
            return
        try:
            worker.actor.submit.remote(assignment, self._served)
        except Exception as error:  # noqa: BLE001 (as in `_poll`)
            self._reject(worker, [assignment], error)

    def _end(self, name: str, reason: str) -> None:
        import ray

        worker = self._workers.pop(name, None)
        self._between.pop(name, None)
        self._next.pop(name, None)
        if worker is not None:
            ray.kill(worker.actor, no_restart=True)
            if worker.joined:
                self._send(Departed(name, reason))

    def _watch(self) -> None:
        """What only a clock finds."""
        now = time.monotonic()
        for name in [n for n, w in self._workers.items() if w.joined and now - w.asked > SILENT_S]:
            self._end(name, f"has not answered for {SILENT_S:g} s")
        for reason in self._roster.overdue(now):
            self._warn_of(reason)
            self._report()
        if self._resting_since is not None and now - self._resting_since > REST_S:
            for name in list(self._workers):
                self._end(name, "was not needed any more")
        self._watch_needs(now)

    def _watch_needs(self, now: float) -> None:
        unmet = [
            needs for needs in self._needed if self._roster.settled and not fits(needs, self._roster.usable.values())
        ]
        self._unmet_since = {needs: self._unmet_since.get(needs, now) for needs in unmet}
        for needs, since in list(self._unmet_since.items()):
            if now - since > UNMET_S:
                error = cluster_errors.unmet_needs(needs, self._address, self._roster.usable.values())
                self._send(Unmet(needs, error_document(error)))
                self._needed = {other: count for other, count in self._needed.items() if other != needs}
        if self._needed and self._workers and not any(worker.joined for worker in self._workers.values()):
            self._crowded_since = self._crowded_since or now
            if now - self._crowded_since > CROWDED_S:
                self._crowded_since = now + 10 * CROWDED_S
                self._send(Notice("Waits for the cluster: its cores are in use by others.", "info"))

    # --- The store, the crew, Ray

    def _serve(self, folder: str | None) -> None:
        import ray

        if folder is None:
            self._served = None
        elif self._served is None or self._served.folder != folder:
            own = ray.get_runtime_context().get_node_id()
            server = _remote(StoreServer, own, arguments=(folder,), num_cpus=0, max_concurrency=8)
            self._served = ServedFiles(folder, server)

    def _call(self, kind: str, of: str, reference: Any) -> None:
        reference.future().add_done_callback(lambda future: self.inbox.put(_Reply(kind, of, future)))

    def _send(self, message: Any) -> None:
        try:
            self._connection.send(message)
        except OSError:
            os._exit(0)

    def _fail(self, error: HwnasError) -> None:
        self._send(Failed(error_document(error)))
        os._exit(1)


def _remote(what: Any, node: str, arguments: tuple[Any, ...] = (), **options: Any) -> Any:
    """Calls a function, or creates an actor of a class, on a node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    return _known_to_ray(what).options(scheduling_strategy=strategy, **options).remote(*arguments)


@cache
def _known_to_ray(what: Any) -> Any:
    import ray

    return ray.remote(what)


def _watch_nodes(inbox: "queue.SimpleQueue[Any]", address: str) -> None:
    """Lists the nodes again and again, as long as the head answers; it may take longer than it should, so it has a thread of its own."""
    host, _, port = address.rpartition(":")
    tries = 0
    while tries < HEAD_TRIES:
        if cluster_address.answers(host.strip("[]"), int(port)):
            tries = 0
            inbox.put(_Listed(living_nodes()))
        else:
            tries += 1
        time.sleep(NODES_S)
    inbox.put(_HeadLost())


def main(descriptor: int, address: str | None) -> None:
    """Connects to the cluster, and serves the crew at the other end of a socket."""
    os.set_inheritable(descriptor, False)
    os.dup2(2, 1)
    connection: Connection = Connection(descriptor)
    try:
        hub = Hub(connection, cluster_address.connect(address))
    except HwnasError as error:
        connection.send(Failed(error_document(error)))
        sys.exit(1)
    threading.Thread(target=_receive, args=(connection, hub.inbox), daemon=True).start()
    threading.Thread(target=_watch_nodes, args=(hub.inbox, hub._address), daemon=True).start()
    hub.run()


def _receive(connection: Connection, inbox: "queue.SimpleQueue[Any]") -> None:
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):
        inbox.put(_Quit())
        time.sleep(QUIT_S)
        os._exit(0)


def _shut_down() -> None:
    """Leaves the cluster, which then ends this driver's workers; a cluster of this process ends with it."""
    import ray

    ray.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
