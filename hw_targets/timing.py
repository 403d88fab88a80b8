"""How a latency is measured: timed slices, interleaved over all networks, and the one latency statistic.

The statistic is the minimum over rounds of the 25th percentile: the network's latency when nothing disturbs it.
Knows no runtime: it times anything that can be called. Not here: kernels' times (`ort_profiler.py`).
"""

import gc
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from hw_targets.target import KernelSample, KernelTime, Profile, Sample, TimingSample
from search_spaces.network import Network

SLICE_S: Final = 0.015
"""How long one network is timed in one round; a fixed time, so that fast networks get many runs."""

WARM_UP_S: Final = 0.003
LEAST_RUNS: Final = 5

TOO_NOISY: Final = 0.03
"""A repeat error above this matters: it is more than the mean error of a table on a quiet machine, 1 to 2 %."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Quantiles of the runs of one slice, milliseconds."""

    q25_ms: float
    p50_ms: float
    p95_ms: float
    runs: int


def time_slice(run: Callable[[], object], *, slice_s: float = SLICE_S, warm_up_s: float = WARM_UP_S) -> Slice:
    """Calls `run` for a fixed time after a warm-up, with the garbage collector off."""
    clock = time.perf_counter_ns
    with _undisturbed():
        end = clock() + int(warm_up_s * 1e9)
        run()
        while clock() < end:
            run()
        taken: list[int] = []
        now = clock()
        end = now + int(slice_s * 1e9)
        while now < end or len(taken) < LEAST_RUNS:
            before = clock()
            run()
            now = clock()
            taken.append(now - before)
    taken.sort()
    q25, p50, p95 = (quantile(taken, q) / 1e6 for q in (0.25, 0.5, 0.95))
    return Slice(q25, p50, p95, len(taken))


def quantile(ordered: Sequence[float], q: float) -> float:
    """The q-quantile of values in ascending order, linear between them: of 1, 2, 3, 4, 5 the quarter is 2."""
    position = q * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


@contextmanager
def _undisturbed() -> Iterator[None]:
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def pinned() -> Iterator[None]:
    """Keeps the calling thread on one core (the last it may use), where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def rounds_left(networks: Sequence[str], rounds: int, done: Iterable[Sample]) -> Iterator[tuple[int, str]]:
    """The (round, network id) pairs still to be timed: each round over all networks in a shuffled order of its own."""
    taken = {(s.round, s.network) for s in done if isinstance(s, TimingSample)}
    for number in range(rounds):
        order = list(networks)
        Random(number).shuffle(order)
        yield from ((number, network) for network in order if (number, network) not in taken)


def profiles(networks: Sequence[Network], samples: Iterable[Sample]) -> list[Profile]:
    """Folds samples into one profile a network, in the order of `networks`; those never timed are left out.

    A network that was under the profiler more than once has the first sample's kernels. Their times are scaled to sum to
    the network's latency.
    """
    timings: dict[str, list[TimingSample]] = {}
    kernels: dict[str, tuple[KernelTime, ...]] = {}
    for sample in samples:
        if isinstance(sample, KernelSample):
            kernels.setdefault(sample.network, sample.kernels)
        else:
            timings.setdefault(sample.network, []).append(sample)
    return [_fold(n, timings[n.id], kernels.get(n.id, ())) for n in networks if n.id in timings]


def _fold(network: Network, timings: Sequence[TimingSample], kernels: tuple[KernelTime, ...]) -> Profile:
    latency, noise = latency_and_noise(timings)
    p50 = statistics.median(t.p50_ms for t in timings)
    p95 = statistics.median(t.p95_ms for t in timings)
    return Profile(network, latency, p50, p95, noise, _in_all(kernels, latency), repeat_error(timings))


def _in_all(kernels: Sequence[KernelTime], latency_ms: float) -> tuple[KernelTime, ...]:
    """The kernels' times in proportion, so that they take the latency together: what slowed the profiled run cancels out."""
    total = sum(k.latency_ms for k in kernels)
    factor = latency_ms / total if total > 0 else 1.0
    return tuple(replace(k, latency_ms=k.latency_ms * factor) for k in kernels)


def latency_and_noise(timings: Sequence[TimingSample]) -> tuple[float, float]:
    """The latency statistic in milliseconds, and the rounds' median excess over it as a fraction.

    Rounds with 25th percentiles 1.0, 1.1 and 1.3 ms are 1.0 ms with 10 % noise.
    """
    quartiles = [t.q25_ms for t in timings]
    latency = min(quartiles)
    return latency, statistics.median(quartiles) / latency - 1


def repeat_error(timings: Sequence[TimingSample]) -> float:
    """How far the latency statistic moves when it is measured again: from one half of the rounds to the other, a fraction.

    Rounds that are slower than the best do no harm as long as each half has a quiet one. 25th percentiles of 1.0, 1.4, 1.3 and
    1.02 ms in this order repeat to 2 %; a single round gives 0.
    """
    quartiles = [t.q25_ms for t in sorted(timings, key=lambda t: t.round)]
    half = len(quartiles) // 2
    if half == 0:
        return 0.0
    first, second = min(quartiles[:half]), min(quartiles[half:])
    return max(first, second) / min(first, second) - 1


def noise_warning(found: Sequence[Profile], *, means: str, again: str) -> str | None:
    """A warning for the user where latencies do not repeat well enough to be relied on, else None.

    Args:
        found: networks that were measured together; the median of their repeat errors counts.
        means: the consequence for the measurements, a clause.
        again: what to do once the machine is quiet, an imperative.
    """
    off = statistics.median(p.repeat_error for p in found) if found else 0.0
    if off <= TOO_NOISY:
        return None
    return (
        f"Latencies measured on this machine repeat to {off:.1%} only (up to {TOO_NOISY:.0%} does not matter): {means}. Stop other "
        f"work on the machine, and {again}."
    )
