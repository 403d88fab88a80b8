"""The stage that measures on the target: finalists before they are trained, and the final file.

Latency does not depend on the weights' values, so finalists are measured with random ones, interleaved.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import median

from hw_targets.target import Profile, Target, TimingSample
from hw_targets.timing import latency_and_noise, profiles
from nas.stages.context import Context, StageOutput
from nas.stages.profile import measure_samples, read_sample, rounds_of, write_sample
from nas.stages.target_run import TargetRun
from nas.store import StageKey
from search_spaces.network import Network

VERSION = 2
ROUNDS = 8
RETRIES = 2
"""Additional rounds for a final file that exceeds its budget, before it is replaced: a busy machine is slow at times."""


@dataclass(frozen=True, slots=True)
class FileLatency:
    """Latency of a final file on its target, batch 1: the quiet statistic, median and 95th percentile of a run, and the noise."""

    latency_ms: float
    p50_ms: float
    p95_ms: float
    noise: float


def measure_candidates(run: TargetRun, networks: Sequence[Network]) -> list[Profile]:
    """Profiles of networks on the target, cached or measured (or simulated) now."""
    return measure_networks(run.context, run.target, networks)


def measure_networks(context: Context, target: Target, networks: Sequence[Network]) -> list[Profile]:
    """Profiles of networks with random weights on a target, cached or measured (or simulated) now.

    Raises:
        TargetUnavailable: the target cannot be used.
        Cancelled: the caller requested a stop; the samples are kept.
    """
    rounds = rounds_of(target, ROUNDS)
    key = StageKey(
        "verify",
        VERSION,
        {"fingerprint": target.info.fingerprint, "networks": [n.id for n in networks], "rounds": rounds},
    )

    def compute() -> StageOutput:
        samples = measure_samples(context, target, list(networks), rounds, key, phase="verifying")
        return StageOutput({}, {"samples": [write_sample(s) for s in samples]})

    record = context.run("verifying", key, compute, target=target.info.id)
    return profiles(list(networks), [read_sample(line) for line in record.facts["samples"]])


def measure_file(run: TargetRun, digest: str) -> FileLatency | None:
    """Latency of a final file (a hash) on the target; none where it is simulated.

    A file that exceeds its budget is measured again before it is rejected.
    """
    context, target_plan, target = run.context, run.target_plan, run.target
    if target.info.kind != "measured":
        return None
    inputs = {
        "fingerprint": target.info.fingerprint, "model": digest, "rounds": ROUNDS, "budget_ms": target_plan.budget_ms,
        "budget_on": target_plan.budget_on,
    }  # fmt: skip
    key = StageKey("verify_file", VERSION, inputs)

    def compute() -> StageOutput:
        taken: list[TimingSample] = []
        meter = context.progress("verifying", "rounds", target=run.id)
        model = context.store.get(digest)
        with context.measuring(target):
            for _ in range(1 + RETRIES):
                for sample in target.sample_file(model, rounds=ROUNDS):
                    taken.append(sample)
                    meter(len(taken), max(ROUNDS, len(taken)))
                    context.check_cancelled()
                found = _latency(taken)
                if target_plan.budgeted_ms(found.latency_ms, found.p50_ms, found.p95_ms) <= target_plan.budget_ms:
                    break
        return StageOutput({}, {**asdict(found), "samples": [asdict(t) for t in taken]})

    facts = context.run("verifying", key, compute, target=run.id).facts
    return FileLatency(**{one.name: facts[one.name] for one in fields(FileLatency)})


def _latency(taken: Sequence[TimingSample]) -> FileLatency:
    latency, noise = latency_and_noise(taken)
    p50, p95 = (median(getattr(t, name) for t in taken) for name in ("p50_ms", "p95_ms"))
    return FileLatency(latency, p50, p95, noise)
