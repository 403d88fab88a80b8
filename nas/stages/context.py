"""The context of every stage, and the one way to run a stage: find it in the store, or compute and store it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from hw_targets.lock import while_waiting
from hw_targets.stopping import never, stoppable
from hw_targets.target import Target
from nas.core_seconds import StageClock, sum_known
from nas.data.arrays import DataArrays
from nas.data.facts import DataFacts
from nas.errors import Cancelled
from nas.events import EventSink, LogEvent, Phase, PhaseEvent, ProgressEvent, ignore
from nas.execution.executor import Executor
from nas.execution.local import LocalExecutor
from nas.store import StageKey, StageRecord, Store

TOLD_AFTER_S: Final = 2.0
"""A wait for another process is reported after this; a step of its training is over sooner."""

DeviceClaim = Callable[[Target], AbstractContextManager[None]]
"""Entered while a target is measured, and exited before anything else is done: a caller's own claim to the device, besides
the lock of the machine. It may wait, and then raises `Cancelled` soon after the caller requests a stop."""


def no_claim(_target: Target) -> AbstractContextManager[None]:
    """For a caller without a claim of its own: the machine's lock is enough."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class StageOutput:
    """The output of a stage: blobs by name, and small facts (JSON values) kept in the index itself.

    Attributes:
        reused_core_seconds: what the parts of it cost that were taken from other stages; None where that is unknown.
    """

    outputs: Mapping[str, bytes]
    facts: Mapping[str, Any] = field(default_factory=dict)
    reused_core_seconds: float | None = 0.0


@dataclass(frozen=True, slots=True)
class StageCost:
    """What a stage of this run cost when it was computed, now or earlier.

    Attributes:
        stage: name of the stage in the store.
        target: that it was for, where it was for one.
        network: id of the network that it trained or quantised, where it did.
        core_seconds: None where an earlier version did not count them.
    """

    phase: Phase
    target: str | None
    network: str | None
    core_seconds: float | None
    stage: str = ""


@dataclass(frozen=True)
class Context:
    """The context of one run: store, event sink, cancellation check, device claim, executor; and its times, costs and warnings.

    Attributes:
        training_workers: how many workers of the executor train one supernet, where it has so many. What they learn is what one
            learns, to within the order of float sums.
    """

    store: Store
    on_event: EventSink = ignore
    cancelled: Callable[[], bool] = never
    claim: DeviceClaim = no_claim
    executor: Executor = field(default_factory=LocalExecutor)
    training_workers: int = 1
    seconds: dict[str, float] = field(default_factory=dict)
    noted: list[tuple[str | None, str]] = field(default_factory=list)
    costs: dict[tuple[str, str | None], StageCost] = field(default_factory=dict)
    _clocks: list[StageClock] = field(default_factory=list, repr=False)
    opened: dict[str, DataArrays] = field(default_factory=dict, repr=False)

    def arrays(self, data: DataFacts) -> DataArrays:
        """The images and labels of a data set in the store; read once."""
        return self.opened.setdefault(data.blob, DataArrays(lambda: self.store.get(data.blob)))

    def check_cancelled(self) -> None:
        """Stops the run when the caller has requested it.

        Raises:
            Cancelled: it has.
        """
        if self.cancelled():
            raise Cancelled(
                "The search was cancelled; what was computed is stored.",
                fix="Run the same command again to continue it.",
            )

    @contextmanager
    def measuring(self, target: Target) -> Iterator[None]:
        """Around each measurement: holds the device, if there is one, and lets the caller cancel while it waits.

        Raises:
            Cancelled: the caller requested a stop meanwhile.
        """
        if target.info.kind == "simulated":
            yield
            return
        on_wait = self._notice_of_wait(f"Waits for {target.info.device}, which another process is using.")
        with stoppable(self.check_cancelled), self.claim(target), while_waiting(on_wait):
            yield

    def _notice_of_wait(self, message: str) -> Callable[[], None]:
        """Called repeatedly while waiting for another process: reports the wait, once."""
        began: list[float] = []

        def on_wait() -> None:
            if not began:
                began.append(time.monotonic())
            elif len(began) == 1 and time.monotonic() - began[0] > TOLD_AFTER_S:
                began.append(time.monotonic())
                self.info(message)

        return on_wait

    @property
    def warnings(self) -> list[str]:
        """All warnings so far."""
        return [message for _, message in self.noted]

    def warnings_for(self, target: str) -> list[str]:
        """The warnings that concern one target: its own, and those of no target."""
        return [message for of, message in self.noted if of in (None, target)]

    def warn(self, message: str, *, target: str | None = None) -> None:
        """Emits a warning, and keeps it for the result and for the receipts of the target, or of all."""
        if (target, message) not in self.noted:
            self.noted.append((target, message))
            self.on_event(LogEvent(level="warning", message=message))

    def info(self, message: str) -> None:
        """Emits a message."""
        self.on_event(LogEvent(level="info", message=message))

    def run(
        self, phase: Phase, key: StageKey, compute: Callable[[], StageOutput], *, target: str | None = None
    ) -> StageRecord:
        """A stage's record: cached, else computed and stored.

        Raises:
            Cancelled: the caller requested a stop before or during it; its checkpoints are kept.
            OutOfSpace: the disk is full; its checkpoints are kept.
        """
        label = f"{phase}:{target}" if target else phase
        self.check_cancelled()
        on_wait = self._notice_of_wait(
            f"Waits for another process, which computes the same stage ({label}), to reuse its result."
        )
        with stoppable(self.check_cancelled), self.store.lock(key, on_wait):
            found = self.store.find(key)
            if found is not None:
                made_before = dict(found.outputs)
                self.on_event(
                    PhaseEvent(phase=phase, status="reused", target=target, seconds=None, outputs=made_before)
                )
                self.seconds.setdefault(label, 0.0)
                self._note_cost(phase, key, target, found)
                return found
            self.check_cancelled()
            self.on_event(PhaseEvent(phase=phase, status="started", target=target, seconds=None))
            started = time.monotonic()
            with self._counting(key) as clock:
                made = compute()
                spent = sum_known((clock.total, made.reused_core_seconds))
            seconds = time.monotonic() - started
            record = self.store.finish(key, made.outputs, seconds=seconds, facts=made.facts, core_seconds=spent)
        self.seconds[label] = self.seconds.get(label, 0.0) + seconds
        self._note_cost(phase, key, target, record)
        outputs = dict(record.outputs)
        self.on_event(PhaseEvent(phase=phase, status="finished", target=target, seconds=seconds, outputs=outputs))
        return record

    @contextmanager
    def _counting(self, key: StageKey) -> Iterator[StageClock]:
        """Counts the core-seconds of a stage; those of one that ends early are kept for the next attempt."""
        clock = self.store.clock(key)
        self._clocks.append(clock)
        try:
            yield clock
        except BaseException:
            clock.save()
            raise
        finally:
            self._clocks.remove(clock)

    def save_clock(self) -> None:
        """Keeps the core-seconds of the running stage, whenever a part of its work is kept."""
        for clock in self._clocks:
            clock.tick()

    def add_core_seconds(self, seconds: float) -> None:
        """Counts core-seconds of another process towards the running stage, of which it did a part."""
        for clock in self._clocks:
            clock.add(seconds)

    def _note_cost(self, phase: Phase, key: StageKey, target: str | None, record: StageRecord) -> None:
        self.costs[key.hash, target] = StageCost(
            phase, target, key.inputs.get("network"), record.core_seconds, key.name
        )

    def progress(self, phase: Phase, unit: str, *, target: str | None = None, done: float = 0) -> "Meter":
        """A meter of one stage's progress, which emits at most ten events a second."""
        return Meter(self.on_event, phase, unit, target, done)


class Meter:
    """Progress with an ETA from the rate since its creation; work done before does not count towards the rate."""

    def __init__(self, on_event: EventSink, phase: Phase, unit: str, target: str | None, done: float) -> None:
        self._on_event, self._phase, self._unit, self._target = on_event, phase, unit, target
        self._start, self._before, self._last = time.monotonic(), done, float("-inf")

    def __call__(self, done: float, total: float, *, eta_s: float | None = None) -> None:
        """Emits that `done` of `total` units are done, and how long the rest takes where that is known better."""
        now = time.monotonic()
        if now - self._last < 0.1 and done < total:
            return
        self._last = now
        rate = (done - self._before) / (now - self._start) if now > self._start else 0.0
        if eta_s is None and rate > 0:
            eta_s = (total - done) / rate
        self._on_event(
            ProgressEvent(phase=self._phase, done=done, total=total, unit=self._unit, eta_s=eta_s, target=self._target)
        )
