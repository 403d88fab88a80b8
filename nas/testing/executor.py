"""The contract of an executor. Authors subclass it and give the executor in a fixture:

    import pytest

    from nas.execution.executor import Executor
    from nas.testing.executor import ExecutorContract
    from my_package.slurm import SlurmExecutor


    class TestSlurm(ExecutorContract):
        @pytest.fixture(scope="class")
        @classmethod
        def executor(cls) -> Iterator[Executor]:
            with SlurmExecutor(partition="test") as executor:
                yield executor

At least two items must be able to run at once, unless `workers` is 1: then items run in their order.
"""

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hw_targets.stopping import check_cancelled
from nas.errors import Cancelled, FailedWork, InfeasibleBudget, WorkerLost
from nas.events import Event, LogEvent, ProgressEvent
from nas.execution.executor import Executor
from nas.execution.work import Needs, Site, WorkOutcome
from nas.store import StageKey, Store

WAIT_S = 0.02


@dataclass(frozen=True)
class Square:
    """Squares a number after some seconds, or once a file is there, and counts its runs as files of a folder."""

    number: int
    seconds: float = 0.0
    counts: str = ""
    file: str = ""
    needs: Needs = field(default_factory=Needs)

    @property
    def name(self) -> str:
        return f"square {self.number}"

    def run(self, site: Site) -> Any:
        if self.counts:
            Path(self.counts, f"{self.number}-{time.time_ns()}-{os.getpid()}").touch()
        until = time.monotonic() + self.seconds
        while time.monotonic() < until and not (self.file and Path(self.file).exists()):
            check_cancelled()
            time.sleep(WAIT_S)
        return self.number**2


@dataclass(frozen=True)
class Keeps:
    """Stores a stage, or a blob that it read from the store; emits events meanwhile."""

    text: str
    needs: Needs = field(default_factory=Needs)

    @property
    def name(self) -> str:
        return f"keep {self.text}"

    @property
    def key(self) -> StageKey:
        return StageKey("kept", 1, {"text": self.text})

    def run(self, site: Site) -> Any:
        for done in range(3):
            site.on_event(ProgressEvent(phase="searching", done=done, total=2, unit="steps", eta_s=None))
        site.on_event(LogEvent(level="warning", message=self.text))
        site.store.finish(self.key, {"text": self.text.encode()}, seconds=0.0)
        return {"tuple": (1, 2), "kept": site.keep("number", lambda: self.text)}


@dataclass(frozen=True)
class Fails:
    """Raises an error."""

    error: str
    needs: Needs = field(default_factory=Needs)
    name: str = "fail"

    def run(self, site: Site) -> Any:
        if self.error == "typed":
            raise InfeasibleBudget("No.", fix="Give more.", facts={"reachable_ms": [1.5, 2.0], "of": "ä"})
        if self.error == "no json":
            return object()
        raise ValueError("a defect")


@dataclass(frozen=True)
class Dies:
    """Ends its worker, in its first runs; returns the number of runs."""

    folder: str
    times: int
    how: str = "kill"
    needs: Needs = field(default_factory=Needs)
    name: str = "die"

    def run(self, site: Site) -> Any:
        runs = len(list(Path(self.folder).iterdir()))
        Path(self.folder, str(runs)).touch()
        if runs < self.times:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(600)
        return runs + 1


@dataclass(frozen=True)
class Threads:
    """The threads that torch and OpenMP may use."""

    cores: int
    name: str = "threads"

    @property
    def needs(self) -> Needs:
        return Needs(cores=self.cores)

    def run(self, site: Site) -> Any:
        import torch

        return [torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]]


class ExecutorContract:
    """What holds for every `nas.execution.executor.Executor`."""

    @pytest.fixture
    def executor(self) -> Executor:
        """The executor under test. To be overridden."""
        raise NotImplementedError("override the fixture `executor`")

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        """A store that the workers can reach."""
        return Store(tmp_path / "store", namespace="tenant")

    def _run(self, executor: Executor, store: Store, items: list[Any], **options: Any) -> dict[int, WorkOutcome]:
        outcomes = list(executor.map(items, store=store, **options))
        assert sorted(outcome.index for outcome in outcomes) == list(range(len(items)))
        return {outcome.index: outcome for outcome in outcomes}

    def test_every_item_has_one_outcome(self, executor: Executor, store: Store, tmp_path: Path) -> None:
        outcomes = self._run(executor, store, [Square(number, counts=str(tmp_path)) for number in range(7)])
        assert [outcomes[n].result() for n in range(7)] == [0, 1, 4, 9, 16, 25, 36]
        assert {outcome.attempts for outcome in outcomes.values()} == {1}
        assert len([path for path in tmp_path.iterdir() if "-" in path.name]) == 7

    def test_no_items_have_no_outcomes(self, executor: Executor, store: Store) -> None:
        assert list(executor.map([], store=store)) == []

    def test_what_an_item_stores_is_in_the_store(self, executor: Executor, store: Store) -> None:
        self._run(executor, store, [Keeps("a"), Keeps("b")])
        for text in "ab":
            record = store.find(Keeps(text).key)
            assert record is not None and store.get(record.outputs["text"]) == text.encode()

    def test_a_store_that_was_used_before_is_no_other_one(self, executor: Executor, tmp_path: Path) -> None:
        for place in ("one", "two", "one"):
            store = Store(tmp_path / place)
            self._run(executor, store, [Keeps(place)])
            assert store.find(Keeps(place).key) is not None

    def test_values_are_what_json_makes_of_them(self, executor: Executor, store: Store) -> None:
        assert self._run(executor, store, [Keeps("a")])[0].result()["tuple"] == [1, 2]

    def test_a_worker_keeps_values_for_later_items(self, executor: Executor, store: Store) -> None:
        first = self._run(executor, store, [Keeps("a")])[0]
        again = [self._run(executor, store, [Keeps(text)])[0] for text in "bcd"]
        kept = {(outcome.worker, outcome.result()["kept"]) for outcome in (first, *again)}
        assert len(kept) == len({worker for worker, _ in kept})  # one value a worker, whatever the item

    def test_events_arrive_before_the_outcome_and_in_order(self, executor: Executor, store: Store) -> None:
        seen: list[Event | int] = []
        seen.extend(
            outcome.index for outcome in executor.map([Keeps("a"), Keeps("b")], store=store, on_event=seen.append)
        )
        for index, text in enumerate("ab"):
            log = seen.index(LogEvent(level="warning", message=text))
            assert log < seen.index(index)
        steps = [event.done for event in seen if isinstance(event, ProgressEvent)]
        assert sorted(steps) == [0, 0, 1, 1, 2, 2]
        assert steps.index(0) < steps.index(1) < steps.index(2)

    def test_a_typed_error_arrives_whole_and_the_others_go_on(self, executor: Executor, store: Store) -> None:
        outcomes = self._run(executor, store, [Square(2), Fails("typed"), Square(3)])
        error = outcomes[1].error
        assert isinstance(error, InfeasibleBudget)
        expected = InfeasibleBudget("No.", fix="Give more.", facts={"reachable_ms": [1.5, 2.0], "of": "ä"})
        assert (error.document(), error.status, str(error)) == (expected.document(), 422, str(expected))
        assert (outcomes[0].value, outcomes[2].value, outcomes[1].attempts) == (4, 9, 1)
        with pytest.raises(InfeasibleBudget):
            outcomes[1].result()

    @pytest.mark.parametrize(("kind", "text"), [("defect", "ValueError: a defect"), ("no json", "TypeError")])
    def test_any_other_error_is_typed_with_its_trace(
        self, executor: Executor, store: Store, kind: str, text: str
    ) -> None:
        error = self._run(executor, store, [Fails(kind)])[0].error
        assert isinstance(error, FailedWork)
        assert text in error.detail and "Traceback" in str(error.facts["trace"])

    def test_cancelling_stops_what_runs(self, executor: Executor, store: Store, tmp_path: Path) -> None:
        items = [Square(0), *(Square(number, 600.0, counts=str(tmp_path)) for number in range(1, 5))]
        began: list[float] = []

        def cancelled() -> bool:
            if not began and any("-" in path.name for path in tmp_path.iterdir()):
                began.append(time.monotonic())
            return bool(began)

        with pytest.raises(Cancelled):
            list(executor.map(items, store=store, cancelled=cancelled))
        assert time.monotonic() - began[0] < 30
        assert self._run(executor, store, [Square(5)])[0].value == 25  # and its workers are free again

    def test_a_caller_that_stops_reading_stops_what_runs(self, executor: Executor, store: Store) -> None:
        outcomes = executor.map([Square(0), Square(1, 0.5), Square(2, 0.5)], store=store)
        assert [outcome.value for outcome in itertools.islice(outcomes, 1)] == [0]
        close: Callable[[], None] = outcomes.close  # type: ignore[attr-defined]  # iterators of executors are generators
        close()
        assert self._run(executor, store, [Square(3)])[0].value == 9

    def test_an_item_that_is_not_done_in_time_ends_with_a_typed_error(self, executor: Executor, store: Store) -> None:
        outcomes = self._run(executor, store, [Square(1, 600.0), Square(2)], deadline_s=1.0)
        assert isinstance(outcomes[0].error, WorkerLost) and "within 1 s" in outcomes[0].error.detail
        assert outcomes[1].value == 4


class WorkersContract(ExecutorContract):
    """What holds besides where items run in other processes, which can die. `workers` must be at least 2."""

    def test_items_run_at_once(self, executor: Executor, store: Store, tmp_path: Path) -> None:
        assert executor.workers >= 2
        items = [Square(number, 600.0, counts=str(tmp_path)) for number in range(2)]

        def both_run() -> bool:
            return len([path for path in tmp_path.iterdir() if "-" in path.name]) == 2

        with pytest.raises(Cancelled):
            list(executor.map(items, store=store, cancelled=both_run))

    @pytest.mark.parametrize(("how", "deadline_s"), [("kill", None), ("hang", 1.0)])
    def test_an_item_whose_worker_dies_or_hangs_is_tried_again(
        self, executor: Executor, store: Store, tmp_path: Path, how: str, deadline_s: float | None
    ) -> None:
        runs = tmp_path / "runs"
        runs.mkdir()
        seen: list[Event] = []
        items = [Square(2), Dies(str(runs), 1, how), Square(3)]
        outcomes = self._run(executor, store, items, deadline_s=deadline_s, on_event=seen.append)
        assert (outcomes[1].result(), outcomes[1].attempts) == (2, 2)
        assert (outcomes[0].value, outcomes[2].value) == (4, 9)
        assert [event.message for event in seen if isinstance(event, LogEvent) and "tried again" in event.message]

    def test_an_item_that_always_kills_its_worker_is_given_up(
        self, executor: Executor, store: Store, tmp_path: Path
    ) -> None:
        runs = tmp_path / "runs"
        runs.mkdir()
        outcomes = self._run(executor, store, [Dies(str(runs), 99), Square(3)])
        error = outcomes[0].error
        assert isinstance(error, WorkerLost) and error.facts["attempts"] == 3
        assert (outcomes[0].attempts, len(list(runs.iterdir())), outcomes[1].value) == (3, 3, 9)

    @pytest.mark.parametrize("cores", [1, 2])
    def test_an_item_has_as_many_threads_as_it_needs_cores(self, executor: Executor, store: Store, cores: int) -> None:
        assert self._run(executor, store, [Threads(cores)])[0].result() == [cores, str(cores)]

    def test_a_code_that_no_worker_can_import_goes_along(
        self, executor: Executor, store: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "own.py").write_text(
            "from dataclasses import dataclass, field\nfrom nas.execution.work import Needs\n"
            "def twice(x):\n    return 2 * x\n\n"
            "class Item:\n    name, needs = 'own', Needs()\n    def run(self, site):\n        return twice(21)\n"
        )
        namespace = _run_as_user_file(tmp_path / "own.py")
        assert self._run(executor, store, [namespace["Item"]()])[0].result() == 42

    def test_what_cannot_be_sent_is_refused_and_the_others_go_on(self, executor: Executor, store: Store) -> None:
        items = [Square(2), Square(3, counts=threading.Lock())]  # type: ignore[arg-type]  # it is no text
        outcomes = self._run(executor, store, items)
        error = outcomes[1].error
        assert error is not None and (error.code, outcomes[1].attempts) == ("unsendable_work", 0)
        assert outcomes[0].value == 4


def _run_as_user_file(path: Path) -> dict[str, Any]:
    """The names of a Python file that is run as spaces of users are (`search_spaces/registry.py`)."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("hwnas_own_file", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)
