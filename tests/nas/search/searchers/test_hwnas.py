"""The default searcher: what it looks for, and how long a suggestion takes."""

import time
from collections import Counter

import numpy as np
import optuna
import pytest

from nas.search.limited_study import LimitedStudy
from nas.search.sampler import Evaluated, FloatArray
from nas.search.searchers.hwnas import AREA_FIRST, BANDS, HwnasSampler
from nas.search.table_region import TableRegion

CELL = {f"op{i}": ("none", "skip", "1x1", "3x3", "pool") for i in range(6)}
"""As many architectures as NAS-Bench-201 has."""
COST = {"none": 0.0, "skip": 0.1, "1x1": 1.0, "3x3": 3.0, "pool": 0.5}
TRIALS = 400


@pytest.fixture(scope="module")
def region() -> TableRegion:
    return TableRegion.of_choices(CELL, lambda values: sum((1 + i / 10) * COST[values[f"op{i}"]] for i in range(6)))


@pytest.fixture(scope="module")
def accuracy(region: TableRegion) -> FloatArray:
    """Artificial: convolutions help, each of them less, where the first choice is not `none`."""
    useful = np.array([0.0, 0.3, 0.7, 1.0, 0.4])[region.codes]
    found: FloatArray = 40 * (1 - np.exp(-useful.sum(axis=1))) * np.where(region.codes[:, 0] == 0, 0.3, 1.0)
    return found


def known_front(metric: list[float], latency_ms: list[float], front: bool = True) -> Evaluated:
    none = np.zeros((0, 6), np.int64)
    codes = np.zeros((len(metric), 6), np.int64)
    return Evaluated(codes, np.array(metric), np.array(latency_ms), none, none, front=front)


def test_a_front_looks_for_area_first_and_later_for_the_metric_too(region: TableRegion) -> None:
    sampler = HwnasSampler(region, evaluations=100, seed=0)
    known = known_front([1.0, 3.0, 2.0], [1.0, 5.0, 9.0])
    rngs = [np.random.default_rng(i) for i in range(400)]
    assert {sampler._below(known, AREA_FIRST - 1, rng) for rng in rngs} == {None}
    later = [sampler._below(known, AREA_FIRST, rng) for rng in rngs]
    kinds = Counter("area" if b is None else "anywhere" if b == np.inf else "below" for b in later)
    assert kinds["area"] == pytest.approx(200, abs=40)
    assert kinds["anywhere"] == pytest.approx(100, abs=35) and kinds["below"] == pytest.approx(100, abs=35)
    assert all(1.0 <= b <= 5.0 for b in later if b is not None and b < np.inf)  # no slower than the best


def test_the_metric_alone_is_looked_for_everywhere(region: TableRegion) -> None:
    sampler = HwnasSampler(region, evaluations=100, seed=0)
    known = known_front([1.0, 2.0], [1.0, 2.0], front=False)
    assert {sampler._below(known, count, np.random.default_rng(0)) for count in (0, 50)} == {np.inf}


def test_a_front_begins_with_one_architecture_in_each_band(region: TableRegion) -> None:
    limited = LimitedStudy(region, "hwnas", evaluations=100, seed=3)
    codes = np.stack([code for _, code in limited.ask_batch(BANDS)])
    low, high = region.range_ms
    assert (BANDS * (region.predict_ms(codes) - low) / (high - low)).astype(int).tolist() == list(range(BANDS))


@pytest.fixture(scope="module", params=["front", "metric"])
def long_study(request: pytest.FixtureRequest, region: TableRegion, accuracy: FloatArray) -> LimitedStudy:
    """One with `TRIALS` completed trials, drawn uniformly."""
    drawn = LimitedStudy(region, "random", evaluations=TRIALS, seed=0, objective=request.param)
    for _ in range(TRIALS):
        trial, code = drawn.ask()
        drawn.tell(trial, float(accuracy[region.rows(code[None])[0]]))
    limited = LimitedStudy(region, "hwnas", evaluations=2 * TRIALS, seed=0, objective=request.param)
    limited.add(drawn.study.get_trials(deepcopy=False))
    return limited


@pytest.mark.parametrize("batch", [1, 8])
def test_a_suggestion_after_400_trials_takes_less_than_50_ms(
    long_study: LimitedStudy, region: TableRegion, accuracy: FloatArray, batch: int
) -> None:
    """Of the processor, on one thread; the fastest of several, since the machine may do other things beside it."""
    assert len(long_study.study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])) >= TRIALS
    seconds = []
    for _ in range(16 // batch):
        started = time.process_time()
        asked = long_study.ask_batch(batch)
        seconds.append((time.process_time() - started) / batch)
        for trial, code in asked:
            long_study.tell(trial, float(accuracy[region.rows(code[None])[0]]))
    assert min(seconds) < 0.05
