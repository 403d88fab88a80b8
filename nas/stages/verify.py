"""The stage that measures on the target: finalists before they are trained, and the finished file.

Latency does not depend on the weights' values, so finalists are measured with random ones, interleaved.
"""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from hw_targets.target import Profile, Target, TimingSample
from hw_targets.timing import latency_and_noise, profiles
from nas.stages.budget import Goal
from nas.stages.context import Context, Made
from nas.stages.profile import measure_samples, read_sample, rounds_of, write_sample
from nas.store import StageKey
from search_spaces.network import Network

VERSION = 2
ROUNDS = 8
RETRIES = 2
"""More rounds for a finished file that misses its budget, before it is replaced: a busy machine is slow at times."""


def measure_candidates(context: Context, target: Target, goal: Goal, networks: Sequence[Network]) -> list[Profile]:
    """Profiles of networks on the target, from the store or measured (or simulated) now."""
    rounds = rounds_of(target, ROUNDS)
    key = StageKey(
        "verify",
        VERSION,
        {"fingerprint": target.info.fingerprint, "networks": [n.id for n in networks], "rounds": rounds},
    )

    def compute() -> Made:
        samples = measure_samples(context, target, list(networks), rounds, key, phase="verifying")
        return Made({}, {"samples": [write_sample(s) for s in samples]})

    record = context.run("verifying", key, compute, target=goal.info.id)
    return profiles(list(networks), [read_sample(line) for line in record.facts["samples"]])


def measure_file(context: Context, target: Target, goal: Goal, model: bytes, digest: str) -> dict[str, Any] | None:
    """Latency of a finished file on the target: `{latency_ms, p50_ms, p95_ms, noise}`; none where it is simulated.

    A file that misses its budget is measured again before that is believed.
    """
    if target.info.kind != "measured":
        return None
    inputs = {
        "fingerprint": target.info.fingerprint, "model": digest, "rounds": ROUNDS, "budget_ms": goal.budget_ms,
        "budget_on": goal.budget_on,
    }  # fmt: skip
    key = StageKey("verify_file", VERSION, inputs)

    def compute() -> Made:
        taken: list[TimingSample] = []
        meter = context.progress("verifying", "rounds", target=goal.info.id)
        with context.measuring(target):
            for _ in range(1 + RETRIES):
                for sample in target.sample_file(model, rounds=ROUNDS):
                    taken.append(sample)
                    meter(len(taken), max(ROUNDS, len(taken)))
                    context.check_cancelled()
                latency, noise = latency_and_noise(taken)
                p50, p95 = (median(getattr(t, name) for t in taken) for name in ("p50_ms", "p95_ms"))
                if goal.held_against(latency, p50, p95) <= goal.budget_ms:
                    break
        facts = {
            "latency_ms": latency,
            "p50_ms": p50,
            "p95_ms": p95,
            "noise": noise,
            "samples": [asdict(t) for t in taken],
        }
        return Made({}, facts)

    return dict(context.run("verifying", key, compute, target=goal.info.id).facts)
