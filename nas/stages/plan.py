"""What a search will take, told before its start, and work that fits a number of minutes. Estimates, no more.

A sandwich step of the space is timed for a moment, once (the store keeps it); profiles and measurements take set times.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hw_targets.stopping import stoppable
from hw_targets.target import Target
from nas.result import Plan
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.effort import Work
from nas.stages.profile import NETWORK_S, ROUND_S, profiled
from nas.stages.recipes import recipe_for, step_bytes
from nas.stages.verify import CANDIDATES, ROUNDS
from nas.store import StageKey
from nas.training.recipe import SUPERNET
from search_spaces.cost import params

if TYPE_CHECKING:
    from nas.pipeline import Job

VERSION = 1
SIMULATED_S: Final = 0.01
"""One network on a simulated target."""
PROCESS_BYTES: Final = 600_000_000
"""The interpreter with torch, ONNX Runtime and Optuna loaded."""
EVALUATION_STEPS: Final = 3.0
"""A candidate's evaluation in sandwich steps' time, for each thousand images it looks at, divided by the batch's."""


def estimate(context: Context, spec: SearchSpec) -> Plan:
    """Seconds of each stage and bytes of memory. Raises what `nas.pipeline.plan` raises."""
    from nas.pipeline import decide, sketch

    job = sketch(context, spec)
    parts = zip(job.targets, job.parts, strict=True)
    unknown = [target for target, part in parts if not profiled(context, target, part.space, job.work)]
    if not unknown:
        job = decide(context, spec)  # judges the budgets before anything takes time
    elif spec.minutes is not None:
        job = within_minutes(context, job, spec.minutes)
    seconds = {"profiling": sum(_profiling(job.work, target) for target in unknown), **_learning(context, job)}
    from nas.stages.train import trained  # torch; the budgets are judged before it is loaded

    if trained(context, job):
        seconds["training"] = 0.0
    return Plan(seconds={name: round(s, 1) for name, s in seconds.items()}, memory_bytes=_memory(job))


def within_minutes(context: Context, job: "Job", minutes: float) -> "Job":
    """The job with as much training, search and tuning as fit into what profiling leaves of the minutes.

    There is a least of each, and a warning where even that takes longer.
    """
    profiling = sum(_profiling(job.work, target) for target in job.targets)
    left = max(20.0, minutes * 60 - profiling)
    job = replace(job, work=job.work.scaled(0.9 * left / sum(_learning(context, job).values())))
    takes = profiling + sum(_learning(context, job).values())
    if takes > minutes * 60:
        context.warn(f"{minutes:g} minutes are too few: with the least work it takes about {takes / 60:.1f} minutes.")
    return job


def _profiling(work: Work, target: Target) -> float:
    networks = work.profile_networks + work.profile_held_out
    if target.info.kind == "simulated":
        return networks * SIMULATED_S
    return networks * (NETWORK_S + work.profile_rounds * ROUND_S)


def _learning(context: Context, job: "Job") -> dict[str, float]:
    """Seconds of the stages that learn or measure after the tables are known."""
    step_s, batch = _step(context, job)
    measured = sum(target.info.kind == "measured" for target in job.targets)
    per_image = step_s / batch
    looked_at = 1024 + 256 + min(4000, job.data.images["val"])
    return {
        "training": per_image * job.work.train_images,
        "searching": per_image * looked_at / EVALUATION_STEPS * 0.5 * job.work.queries * len(job.targets),
        "finalising": per_image * job.work.tune_images * 0.6 * len(job.targets),
        "verifying": (CANDIDATES + 1) * (NETWORK_S + ROUNDS * ROUND_S) * measured,
    }


def _step(context: Context, job: "Job") -> tuple[float, int]:
    inputs = {"space": job.space.fingerprint, "data": job.data.content_hash, "threads": job.threads}
    key = StageKey("time_step", VERSION, inputs)
    record = context.store.find(key)
    if record is None:
        from nas.stages.train import seconds_per_step

        with stoppable(context.check_cancelled):
            facts = {"seconds": seconds_per_step(job), "batch": recipe_for(job, SUPERNET).batch_size}
        record = context.store.finish(key, {}, seconds=0.0, facts=facts)
    return float(record.facts["seconds"]), int(record.facts["batch"])


def _memory(job: "Job") -> int:
    """Images at every side, the bank with its gradients and two moments, and the largest network's training activations."""
    largest = job.space.network(job.space.largest())
    sides = [int(side) for side in job.space.resolution.values]
    pixels = sum(job.data.images.values()) * job.data.channels * sum(side * side for side in sides)
    return PROCESS_BYTES + 2 * pixels + 16 * params(largest) + step_bytes(job, SUPERNET)
