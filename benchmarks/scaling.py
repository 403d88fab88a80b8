"""What workers are worth: evaluations a second with one and two of them, Ray beside processes, and how far one driver reaches.

Evaluations are those of a search, of random subnets of a supernet that is not trained, which makes no difference to their time. Overhead
is that of the same items, which compute for a tenth of a second, on equal numbers of workers. The simulated cluster has real actors,
each in a process of its own, on nodes that say they have a core for each; their items sleep, so that this machine's cores only do what a
cluster does besides work, the workers' part of it included. Where the driver saturates is measured with items that do nothing: with
all that Ray does, and without Ray, in one process whose workers answer at once.
"""

import argparse
import contextlib
import random
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final, Self

import numpy as np

from benchmarks import common
from hw_targets.scheme import AFFINE
from hw_targets.stopping import never
from nas.events import ignore
from nas.execution.cluster import RayExecutor
from nas.execution.crew import Assignment, Ended, Message
from nas.execution.dispatch import Dispatch
from nas.execution.executor import Executor
from nas.execution.packing import packed_store
from nas.execution.processes import ProcessExecutor
from nas.execution.work import Needs, Site, WorkItem
from nas.prepare_job import resolve_spec
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.subnet_evaluation import EvaluateSubnet, EvaluationSetup
from nas.store import Store
from nas.supernet_weights import SupernetWeights
from search_spaces.lattice import Lattice

NAME: Final = "scaling"
PARTS: Final = ("evaluations", "overhead", "cluster", "saturation")
ITEM_S: Final = 0.1
OBJECT_STORE_BYTES: Final = 80_000_000

Rows = list[dict[str, Any]]
Numbers = dict[str, float | int | None]


@dataclass(frozen=True)
class Item:
    """Sleeps, or computes for as long on its core, or does nothing."""

    seconds: float = 0.0
    computes: bool = False
    name: str = "item"
    needs: Needs = field(default_factory=Needs)

    def run(self, site: Site) -> int:
        """Does so."""
        if self.computes:
            until = time.thread_time() + self.seconds
            while time.thread_time() < until:
                pass
        elif self.seconds:
            time.sleep(self.seconds)
        return 0


def measure(options: argparse.Namespace) -> common.Outcome:
    """The requested parts."""
    summary: Numbers = {}
    rows: Rows = []
    parts = {"evaluations": _evaluations, "overhead": _overhead, "cluster": _simulated, "saturation": _saturation}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.parts:
            common.progress(name)
            numbers, found = parts[name](options, Store(Path(folder) / name))
            summary |= numbers
            rows += [{"part": name, **row} for row in found]
    return common.Outcome(summary, rows)


def _seconds(executor: Executor, store: Store, items: Sequence[WorkItem]) -> float:
    """How long all items take; none may fail."""
    started = time.perf_counter()
    for outcome in executor.map(items, store=store):
        outcome.result()
    return time.perf_counter() - started


def _row(workers: int, executor: str, items: int, seconds: float, efficiency: float | None = None) -> dict[str, Any]:
    return {
        "executor": executor, "workers": workers, "items": items, "seconds": seconds, "items_a_second": items / seconds,
        "efficiency": efficiency,
    }  # fmt: skip


def _evaluations(options: argparse.Namespace, store: Store) -> tuple[Numbers, Rows]:
    """A search's evaluations on one and on two worker processes of one thread, in turn; the median of the rounds."""
    items = _subnets(options, store)
    with contextlib.ExitStack() as opened:
        executors = {str(count): opened.enter_context(ProcessExecutor(count)) for count in (1, 2)}
        for executor in executors.values():
            _seconds(executor, store, items[: 4 * executor.workers])  # every worker has the supernet then
        seconds = _in_turn(executors, store, items, options.rounds)
    rates = {int(count): len(items) / taken for count, taken in seconds.items()}
    rows = [_row(n, "processes", len(items), len(items) / rate, rate / rates[1] / n) for n, rate in rates.items()]
    return {
        "evaluations_1_worker_a_second": rates[1],
        "evaluations_2_workers_a_second": rates[2],
        "evaluations_speedup": rates[2] / rates[1],
    }, rows


def _in_turn(
    executors: Mapping[str, Executor], store: Store, items: Sequence[WorkItem], rounds: int
) -> dict[str, float]:
    """The median over rounds of how long all items take on each executor."""
    taken: dict[str, list[float]] = {key: [] for key in executors}
    for _ in range(rounds):
        for key, executor in executors.items():
            taken[key].append(_seconds(executor, store, items))
    return {key: median(times) for key, times in taken.items()}


def _subnets(options: argparse.Namespace, store: Store) -> list[EvaluateSubnet]:
    """Random subnets of a supernet in the store, on digits."""
    spec = SearchSpec(
        data="digits", space="mobilenet", start_from="none", threads=1, device="cpu",
        targets=({"target": "cpu", "latency_ms": "100%"},),
    )  # fmt: skip
    job = resolve_spec(Context(store), spec)
    weights = SupernetWeights.of(Lattice.of(job.space).layers(), seed=0)
    setup = EvaluationSetup(store.put(weights.to_bytes()), job.data, job.compute, AFFINE, "accuracy", seed=0)
    rng, nothing = random.Random(0), np.zeros(0, np.int64)
    sampled = [job.space.sample(rng) for _ in range(options.evaluations)]
    return [EvaluateSubnet(one.id, setup, job.space.network(one), nothing) for one in sampled]


def _overhead(options: argparse.Namespace, store: Store) -> tuple[Numbers, Rows]:
    """Items that compute, on two workers: processes and Ray in turn."""
    items = [Item(ITEM_S, computes=True)] * options.items
    with _Cluster(2) as cluster, RayExecutor(cluster.address) as ray, ProcessExecutor(2) as processes:
        executors: dict[str, Executor] = {"processes": processes, "ray": ray}
        for executor in executors.values():
            _all_there(executor, store, 2)
        seconds = _in_turn(executors, store, items, options.rounds)
    ideal = len(items) * ITEM_S / 2
    rows = [_row(2, name, len(items), taken, ideal / taken) for name, taken in seconds.items()]
    return {"ray_overhead": seconds["ray"] / seconds["processes"] - 1}, rows


def _simulated(options: argparse.Namespace, store: Store) -> tuple[Numbers, Rows]:
    """Items that sleep, on a simulated cluster that grows by a node each time; then items that do nothing, on all of it."""
    rows: Rows = []
    counts = [2**power for power in range(options.workers.bit_length()) if 2**power <= options.workers]
    with _Cluster(1) as cluster, RayExecutor(cluster.address) as executor:
        for count in counts:
            cluster.grow(count)
            _all_there(executor, store, count)
            items = [Item(ITEM_S)] * (options.each * count)
            taken = median(_seconds(executor, store, items) for _ in range(options.rounds))
            rows.append(_row(count, "ray", len(items), taken, options.each * ITEM_S / taken))
            common.progress(f"  {count} workers: efficiency {rows[-1]['efficiency']:.3f}")
        empty = [Item()] * options.empty
        rate = len(empty) / median(_seconds(executor, store, empty) for _ in range(options.rounds))
    rows.append(_row(counts[-1], "ray, items do nothing", len(empty), len(empty) / rate))
    efficiencies = {f"efficiency_{row['workers']}": row["efficiency"] for row in rows[:-1]}
    return {**efficiencies, "ray_saturation_items_a_second": rate}, rows


def _saturation(options: argparse.Namespace, store: Store) -> tuple[Numbers, Rows]:
    """Items that do nothing, without Ray."""
    with packed_store(store) as packed:
        dispatch = Dispatch(_InstantCrew(64), [Item()] * options.empty, packed, ignore, never, by_value=True)
        started = time.perf_counter()
        ended = sum(1 for _ in dispatch.outcomes())
        seconds = time.perf_counter() - started
    rows = [_row(64, "none, workers answer at once", ended, seconds)]
    return {"dispatch_saturation_items_a_second": ended / seconds}, rows


class _InstantCrew:
    """A crew whose workers end every item at once: what remains is the driver's own work."""

    queued_ahead = 1

    def __init__(self, workers: int) -> None:
        self._names = [str(number) for number in range(workers)]
        self._given: deque[int] = deque()

    def recruit(self, needed: Mapping[Needs, int]) -> None: ...

    def suited(self, needs: Needs) -> Sequence[str]:
        return self._names

    def admits(self, needs: Needs, running: Collection[Needs]) -> bool:
        return True

    def assign(self, worker: str, assignment: Assignment) -> None:
        self._given.append(assignment.ticket)

    def cancel(self, worker: str) -> None: ...

    def kill(self, worker: str, reason: str) -> None: ...

    def rest(self) -> None: ...

    def messages(self, timeout_s: float) -> Sequence[Message]:
        found = [Ended(ticket, 0, None) for ticket in self._given]
        self._given.clear()
        return found


class _Cluster:
    """A cluster on this machine whose nodes say that they have more cores than there are."""

    def __init__(self, cores: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from ray.cluster_utils import Cluster
        node = {"object_store_memory": OBJECT_STORE_BYTES}
        self._cluster: Any = Cluster(
            initialize_head=True, head_node_args={**node, "num_cpus": cores, "include_dashboard": False}
        )
        self._cores, self._node = cores, node
        self.address: str = self._cluster.address

    def grow(self, cores: int) -> None:
        """Adds a node, so that there are so many cores."""
        if cores > self._cores:
            self._cluster.add_node(num_cpus=cores - self._cores, **self._node)
            self._cores = cores

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._cluster.shutdown()


def _all_there(executor: Executor, store: Store, workers: int) -> None:
    """Returns once all workers have ended an item."""
    seen: set[str] = set()
    while len(seen) < workers:
        seen |= {outcome.worker for outcome in executor.map([Item(ITEM_S)] * (4 * workers), store=store)}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(NAME, "What workers are worth, and how far one driver reaches.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--evaluations", type=int, default=32, help="subnets that are evaluated in a round")
    parser.add_argument("--items", type=int, default=100, help="items of a round of the overhead")
    parser.add_argument("--workers", type=int, default=64, help="most workers of the simulated cluster")
    parser.add_argument(
        "--each", type=int, default=40, help="items of a round for each worker of the simulated cluster"
    )
    parser.add_argument("--empty", type=int, default=5000, help="items of a round of the saturation")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts")
    return common.run(NAME, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    raise SystemExit(main())
