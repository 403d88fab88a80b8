"""The stage that measures a target's latency table for a space: select networks for coverage, measure them, fit, report the accuracy."""

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from hw_targets.stopping import check_cancelled, one_by_one
from hw_targets.target import KernelSample, KernelTime, Profile, Sample, Target, TargetInfo, TimingSample
from hw_targets.timing import SLICE_S, noise_warning, profiles
from latency_models.coverage import choose
from latency_models.table import LatencyTable, fit
from nas.events import Phase
from nas.stages.context import Context, StageOutput
from nas.store import StageKey
from nas.work import ProfileWork
from search_spaces.lattice import Lattice
from search_spaces.network import Network
from search_spaces.space import Architecture, SearchSpace

VERSION = 4
POOL = 12
"""Random candidates for each network that is fitted; the networks for coverage are selected among them."""
NOISE_MEANS: Final = "the table's predictions, and the measured latency of an exported model, may be off by as much"
NOISE_FIX: Final = "delete `stages/profile` in the store and run again; or set a budget that is lower by as much"
NETWORK_S: Final = 0.3
"""About the time to build a network, warm it up and run it under the profiler; its timed rounds come on top."""
ROUND_S: Final = 1.3 * SLICE_S
"""About the time of a timed round of one network."""


@dataclass(frozen=True)
class MeasuredTable:
    """A latency table in the store.

    Attributes:
        hash: of its blob.
        slower: by `BudgetOn`, the ratio of that latency to the quiet statistic: the median over the networks measured.
    """

    table: LatencyTable
    hash: str
    slower: Mapping[str, float]


def profile(context: Context, target: Target, space: SearchSpace, work: ProfileWork, *, seed: int = 0) -> MeasuredTable:
    """The latency table of a target for a space, cached or measured now.

    An interrupted profile continues from the samples already taken. `seed` selects the networks; searches do not set it, so
    that one table serves searches of any seed.

    Raises:
        TargetUnavailable: the target's runtime is missing.
        Cancelled: the caller requested a stop; the samples are kept.
    """
    key = _key(target.info, space, work, seed)

    def compute() -> StageOutput:
        fitted, held_out = networks(space, work, seed)
        rounds = rounds_of(target, work.rounds)
        samples = measure_samples(context, target, [*fitted, *held_out], rounds, key, phase="profiling")
        found = profiles([*fitted, *held_out], samples)
        table = fit(found[: len(fitted)], target.info, held_out=found[len(fitted) :])
        noise = noise_warning(found, means=NOISE_MEANS, again=NOISE_FIX)
        facts = {"noise_warning": noise, "slower": slower(found)}
        return StageOutput({"table": json.dumps(table.to_json()).encode()}, facts)

    record = context.run("profiling", key, compute, target=target.info.id)
    table = LatencyTable.from_json(json.loads(context.store.get(record.outputs["table"])))
    if record.facts["noise_warning"]:
        context.warn(record.facts["noise_warning"], target=target.info.id)
    return MeasuredTable(table, record.outputs["table"], record.facts["slower"])


def slower(found: Sequence[Profile]) -> dict[str, float]:
    """The ratios of the median and the 95th percentile of a run to the quiet statistic, see `MeasuredTable`."""
    return {
        "quiet": 1.0,
        "p50": median(one.p50_ms / one.latency_ms for one in found),
        "p95": median(one.p95_ms / one.latency_ms for one in found),
    }


def profiled(context: Context, target: TargetInfo, space: SearchSpace, work: ProfileWork, *, seed: int = 0) -> bool:
    """Whether the table is cached."""
    return context.store.find(_key(target, space, work, seed)) is not None


def _key(target: TargetInfo, space: SearchSpace, work: ProfileWork, seed: int) -> StageKey:
    return StageKey(
        "profile",
        VERSION,
        {
            "fingerprint": target.fingerprint,
            "space": space.fingerprint,
            "fitted": work.networks,
            "held_out": work.held_out,
            "rounds": work.rounds,
            "seed": seed,
        },
    )


def rounds_of(target: Target, rounds: int) -> int:
    """Rounds of end-to-end timing: one is enough on a simulated target, which has no noise."""
    return 1 if target.info.kind == "simulated" else rounds


def networks(space: SearchSpace, work: ProfileWork, seed: int) -> tuple[list[Network], list[Network]]:
    """Networks to fit, selected for coverage of the space's layer keys, and random others for the accuracy report.

    A space with no more networks than the two together is fitted whole, and none is held out: `fit` cross-validates.
    """
    pool = _sampled_networks(space, work.held_out + POOL * work.networks, random.Random(seed))
    distinct = {n.id: n for n in one_by_one(pool)}
    if len(distinct) <= work.networks + work.held_out:
        return list(distinct.values()), []
    held_out = pool[: work.held_out]
    ends = [space.network(space.smallest()), space.network(space.largest())]
    known = {n.id for n in held_out}
    others = one_by_one([*ends, *pool[work.held_out :]])
    candidates = list({n.id: n for n in others if n.id not in known}.values())
    return choose(candidates, work.networks), held_out


def _sampled_networks(space: SearchSpace, count: int, rng: random.Random) -> list[Network]:
    """The networks of about `count` random architectures, or of all where the space has no more."""
    lattice = Lattice.of(space)
    if lattice.size <= count:
        architectures = lattice.decode(lattice.codes())
        rng.shuffle(architectures)
        return [space.network(architecture) for architecture in one_by_one(architectures)]
    sampled: dict[Architecture, Network] = {}
    while len(sampled) < count and rng.random() > 1e-4:
        check_cancelled()
        architecture = space.sample(rng)
        if architecture not in sampled:
            sampled[architecture] = space.network(architecture)
    return list(sampled.values())


def measure_samples(
    context: Context, target: Target, networks: list[Network], rounds: int, key: StageKey, *, phase: Phase
) -> list[Sample]:
    """Samples of networks, each journalled as it is taken; resumes from those in the journal.

    Raises:
        Cancelled: the caller requested a stop; the samples are kept.
    """
    journal = context.store.journal(key)
    samples = [read_sample(line) for line in journal.read()]
    total = len(networks) * (1 + rounds)
    meter = context.progress(phase, "samples", target=target.info.id, done=len(samples))
    with context.measuring(target):
        pace = _Pace({KernelSample: len(networks), TimingSample: len(networks) * rounds}, samples)
        for sample in target.sample(networks, rounds=rounds, done=list(samples)):
            samples.append(sample)
            journal.append(write_sample(sample))
            context.save_clock()
            pace.take(sample)
            meter(len(samples), total, eta_s=pace.eta_s())
            context.check_cancelled()
    return samples


class _Pace:
    """The time of the remaining samples: each kind as its samples so far, or as expected before the first."""

    def __init__(self, expected: Mapping[type, int], stored: Iterable[Sample]) -> None:
        self._left = Counter(expected)
        self._left.subtract(type(sample) for sample in stored)
        self._expected_s = {KernelSample: NETWORK_S, TimingSample: ROUND_S}
        self._spent_s, self._taken = defaultdict[type, float](float), Counter[type]()
        self._last = time.monotonic()

    def take(self, sample: Sample) -> None:
        """Counts one that was taken just now."""
        kind, now = type(sample), time.monotonic()
        self._spent_s[kind] += now - self._last
        self._taken[kind] += 1
        self._left[kind] -= 1
        self._last = now

    def eta_s(self) -> float:
        """Seconds until all are taken."""
        # A network may be sampled twice, so the rest may be negative.
        return sum(max(left, 0) * self._each_s(kind) for kind, left in self._left.items())

    def _each_s(self, kind: type) -> float:
        return self._spent_s[kind] / self._taken[kind] if self._taken[kind] else self._expected_s[kind]


def write_sample(sample: Sample) -> dict[str, Any]:
    """A sample as JSON values."""
    return {"kind": type(sample).__name__, **asdict(sample)}


def read_sample(line: Mapping[str, Any]) -> Sample:
    """The inverse of `write_sample`."""
    values = {k: v for k, v in line.items() if k != "kind"}
    if line["kind"] == "TimingSample":
        return TimingSample(**values)
    kernels = tuple(
        KernelTime(k["layer"], tuple((t, n) for t, n in k["kernels"]), k["latency_ms"]) for k in values["kernels"]
    )
    return KernelSample(values["network"], kernels)
