"""What a stage cost is counted over all attempts at it, and unknown where an earlier version did not count."""

from pathlib import Path

import pytest

from nas import core_seconds as module
from nas.core_seconds import core_seconds, sum_known
from nas.events import ignore
from nas.stages.context import Context, StageCost, StageOutput
from nas.store import StageKey, Store

KEY = StageKey("train", 1, {"network": "n1"})


class Processor:
    """A clock that stands still unless it is worked on."""

    now = 100.0

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Processor:
    made = Processor()
    monkeypatch.setattr(module, "core_seconds", lambda: made.now)
    return made


def run(store: Store, processor: Processor, seconds: float, *, fails: bool = False, saves: bool = False) -> Context:
    context = Context(store, ignore)

    def compute() -> StageOutput:
        processor.work(seconds)
        if saves:
            context.save_clock()
        if fails:
            raise KeyboardInterrupt
        return StageOutput({"weights": b"w"})

    context.run("fine_tuning", KEY, compute, target="cpu")
    return context


def test_the_time_of_this_process_passes_when_it_works() -> None:
    before = core_seconds()
    while core_seconds() - before < 0.02:
        sum(range(1000))
    assert 0.02 <= core_seconds() - before < 10


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    assert sum_known([1.0, 2.5]) == 3.5
    assert sum_known([1.0, None]) is None
    assert sum_known([]) == 0


def test_a_cached_stage_counts_what_it_cost_when_it_ran(tmp_path: Path, processor: Processor) -> None:
    expected = {(KEY.hash, "cpu"): StageCost("fine_tuning", "cpu", "n1", 7.0, KEY.name)}
    assert run(Store(tmp_path), processor, 7.0).costs == expected
    assert run(Store(tmp_path), processor, 1000.0).costs == expected


def test_an_interrupted_attempt_is_counted(tmp_path: Path, processor: Processor) -> None:
    for seconds in (3.0, 4.0):
        with pytest.raises(KeyboardInterrupt):
            run(Store(tmp_path), processor, seconds, fails=True)
    run(Store(tmp_path), processor, 5.0)
    record = Store(tmp_path).find(KEY)
    assert record is not None and record.core_seconds == 12.0


def test_a_killed_attempt_is_counted_up_to_the_last_time_that_was_kept(tmp_path: Path, processor: Processor) -> None:
    clock = Store(tmp_path).clock(KEY)
    processor.work(0.5)
    clock.tick()  # too little to keep
    processor.work(1.5)
    clock.tick()
    processor.work(0.75)  # killed here
    run(Store(tmp_path), processor, 5.0, saves=True)
    record = Store(tmp_path).find(KEY)
    assert record is not None and record.core_seconds == 7.0


def test_what_an_earlier_version_began_has_an_unknown_cost(tmp_path: Path, processor: Processor) -> None:
    store = Store(tmp_path)
    store.journal(KEY).append({"value": 0.5})
    assert run(store, processor, 5.0).costs[KEY.hash, "cpu"].core_seconds is None


def test_a_record_of_an_earlier_version_has_an_unknown_cost(tmp_path: Path, processor: Processor) -> None:
    store = Store(tmp_path)
    store.finish(KEY, {"weights": b"w"}, seconds=1.0)
    assert run(store, processor, 5.0).costs[KEY.hash, "cpu"].core_seconds is None


def test_what_was_taken_from_other_stages_is_part_of_the_cost(tmp_path: Path, processor: Processor) -> None:
    context = Context(Store(tmp_path), ignore)

    def compute() -> StageOutput:
        processor.work(2.0)
        return StageOutput({}, reused_core_seconds=3.0)

    assert context.run("searching", KEY, compute).core_seconds == 5.0


def test_core_seconds_of_other_processes_are_counted_and_kept(tmp_path: Path, processor: Processor) -> None:
    store = Store(tmp_path)
    clock = store.clock(KEY)
    processor.work(3.0)
    clock.add(40.0)
    assert clock.total == 43.0
    clock.tick()
    assert store.clock(KEY).total == 43.0
