"""How much work a job gets in its time, and the estimated cost, before its start.

The time is resolved once: the numbers are kept with the spec, so that the same command resumes with the same work. Where it is too
short for a supernet to pay off, a few networks are trained instead; where it is too short for the images' size, they are reduced;
where even the least work takes longer, the job is rejected before it starts.
"""

from dataclasses import replace
from statistics import fmean
from typing import Final

import numpy as np

from nas.errors import InvalidSpec, OutOfDeviceMemory
from nas.job import Job
from nas.result import Plan
from nas.search.finalists import by_latency
from nas.stages.augmentation import PHOTO_SIZE, decided
from nas.stages.context import Context
from nas.stages.costs import (
    START_S,
    Costs,
    adapting_s,
    evaluation_s,
    profiling_s,
    teacher_s,
    time_networks,
    tournament_s,
)
from nas.stages.halving import rounds
from nas.stages.profile import NETWORK_S, ROUND_S
from nas.stages.train_config import config_for, step_bytes
from nas.stages.verify import ROUNDS
from nas.store import StageKey
from nas.target_plan import TargetPlan
from nas.training.config import SUPERNET
from nas.work import CALIBRATION, VALIDATION, Work
from search_spaces.cost import layer_values, params
from search_spaces.space import Architecture

VERSION = 1
PROCESS_BYTES: Final = 600_000_000
"""The interpreter with torch, ONNX Runtime and Optuna loaded."""
USED: Final = 0.95
"""Share of the time that is planned; the rest covers estimates that are too low."""
MOST_EPOCHS: Final = 500
"""Longer training brings no gain: of the supernet, and of each finalist."""
SUPERNET_SHARE: Final = 0.35
"""Of the whole time, where a supernet is trained."""
LEAST_SUPERNET: Final = 200_000
"""Images. With fewer the same time gives better networks when a few are trained alone: on the digits 98.6 against 99.2 % with 60,000,
on 2,000 photographs the same accuracy for three times the work with 120,000.
"""
LEAST_FROM_SOURCE: Final = 60_000
"""The same where the supernet starts from a source, whose slices are good without one."""
ADAPT_SHARE, ADAPT_EPOCHS = 0.2, 60
"""Of the whole time, that the source is fine-tuned for, and how often it sees each image at most."""
PROPOSED: Final = 24
"""Networks that are cut out of a source and evaluated, before any others."""
SEARCH_SHARE: Final = 0.3
"""Of what is left after the supernet."""
LEAST_EVALUATIONS, MOST_EVALUATIONS = 24, 400
FINALISTS: Final = (12, 8, 6, 4, 3, 2)
ENOUGH_IMAGES: Final = 100_000
"""An image size is comfortable when the winner sees so many images in all, or each of them `ENOUGH_EPOCHS` times."""
ENOUGH_EPOCHS: Final = 100
ENOUGH_FROM_SOURCE, ENOUGH_EPOCHS_FROM_SOURCE = 30_000, 20
"""The same where networks are cut out of a source."""
FIRST_IMAGES, FIRST_EPOCHS = 40_000, 30
"""Images that every finalist sees before the first are eliminated: shorter training favours small networks, which learn faster."""
FIRST_FROM_SOURCE, FIRST_EPOCHS_FROM_SOURCE = 8_000, 6
"""The same where networks are cut out of a source: they have learned before."""
LEAST_IMAGES: Final = 4_000
"""Images that the winner sees at least."""
PROBE_SHARE: Final = 0.04
"""Of the whole time, that the check for mirroring may take."""
PROBE_IMAGES, PROBE_EPOCHS = 16_000, 20
"""Images that the check trains on at most; more do not improve it."""
COMMON: Final = 0.4
"""The training of one network for all targets, in tournaments: a tournament is about 2.5 trainings."""
IMAGE_SIZES: Final = (96, 64, 48, 32)
"""Smaller images, in the order in which they are tried where the time is short."""
FROM_SOURCE: Final = 64
"""Smaller photographs are enlarged to this size where the search starts from a source: its features are of larger things."""
SMALL: Final = 64
"""Images of this size are reduced only where even the least work would take too long."""


def image_size_key(job: Job) -> StageKey:
    """Key of the image size that was decided for a spec, from its job at the data's own size."""
    return StageKey("image_size", VERSION, job_inputs(job))


def job_inputs(job: Job) -> dict[str, object]:
    """A job's request and its data, as inputs of a stage's key."""
    spec = job.spec.model_dump(
        mode="json", exclude={"work", "device"} | job.spec.without_effect
    )  # what the device is resolved to counts
    source = {} if job.source is None else {"source": job.source.sha256}
    return {
        "spec": spec, "data": job.data.content_hash, "space": job.space.fingerprint, **job.compute.inputs, **source
    }  # fmt: skip


def fits(job: Job, costs: Costs) -> bool:
    """Whether the least work fits into the job's time."""
    return least_s(job, costs) <= job.spec.seconds


def comfortable(job: Job, costs: Costs) -> bool:
    """Whether the finalists of a job can be trained well at this size of images."""
    left = USED * job.spec.seconds - fixed_s(job)
    share = left / _shares(job)
    images, epochs = (
        (ENOUGH_IMAGES, ENOUGH_EPOCHS) if job.source is None else (ENOUGH_FROM_SOURCE, ENOUGH_EPOCHS_FROM_SOURCE)
    )
    needed = min(images, epochs * job.data.images["train"])
    return tournament_s(job, costs.image_s(costs.sandwich / 4), 1.0, FINALISTS[-1], needed) <= share


def least_s(job: Job, costs: Costs) -> float:
    """About the time of the least work: two networks briefly trained, for each target."""
    tuned = tournament_s(job, costs.image_s(costs.sandwich / 4), 1.0, FINALISTS[-1], LEAST_IMAGES)
    return fixed_s(job) + tuned * len(job.targets)


def _shares(job: Job) -> float:
    """Tournaments that the time is divided by: one for each target, and for several targets the training of one network for all."""
    return len(job.targets) + (COMMON if len(job.targets) > 1 else 0.0)


def fixed_s(job: Job) -> float:
    """Seconds that do not depend on the work: profiles and measurements."""
    return (
        START_S + sum(profiling_s(job.work.profile, target) for target in job.targets) + verifying_s(job, FINALISTS[0])
    )


def verifying_s(job: Job, networks: int) -> float:
    """Measuring so many networks and the final file."""
    measured = sum(target.kind == "measured" for target in job.targets)
    return (networks + 1) * (NETWORK_S + ROUNDS * ROUND_S) * measured


def too_short(job: Job, costs: Costs) -> InvalidSpec:
    """The error of a job whose least work takes longer than its time."""
    minutes, least = job.spec.seconds / 60, np.ceil(least_s(job, costs) / 6) / 10
    return InvalidSpec(
        f"{minutes:g} minutes are too few for {job.data.images['train']:,} images of {job.data.resolution} x {job.data.resolution} "
        f"pixels: at least about {least:g} minutes are needed on this machine.",
        fix=f"Give at least --minutes {least:g}, or a lower --resolution.",
        facts={"minutes": minutes, "least_minutes": float(least), "resolution": job.data.resolution},
    )


def resolve(context: Context, job: Job, costs: Costs) -> Job:
    """The job with the work that fits its time: from its spec, cached, or decided now and stored."""
    if job.spec.work is not None:
        return replace(job, work=job.spec.work)
    key = StageKey("plan", VERSION, job_inputs(job))
    record = context.store.find(key)
    if record is None:
        work = afford(job, time_near_limit(context, job, costs))
        record = context.store.finish(key, {}, seconds=0.0, facts=work.model_dump(mode="json"))
    return replace(job, work=Work.model_validate(record.facts))


def supernet_images(job: Job, costs: Costs) -> int:
    """Images that a job's supernet sees; none where it would see too few. It does not depend on the budgets, so the
    supernet can be trained before a search.
    """
    if job.source is not None and job.spec.method == "prune":
        return 0
    images = SUPERNET_SHARE * job.spec.seconds / costs.sandwich_s
    affordable = round_down(min(images, MOST_EPOCHS * job.data.images["train"]))
    needed = LEAST_SUPERNET if job.source is None else LEAST_FROM_SOURCE if job.spec.method == "auto" else 1
    return affordable if affordable >= needed else 0


def adapt_images(job: Job, costs: Costs) -> int:
    """Images that a job's source sees at first; none without a source."""
    if job.source is None:
        return 0
    affordable = ADAPT_SHARE * job.spec.seconds / costs.large[1]
    return round_down(max(LEAST_IMAGES, min(affordable, ADAPT_EPOCHS * job.data.images["train"])))


def afford(job: Job, costs: Costs) -> Work:
    """The work that fits a job's time."""
    seen, probed, adapted = supernet_images(job, costs), probe_images(job, costs), adapt_images(job, costs)
    left = USED * (job.spec.seconds - fixed_s(job)) - seen * costs.sandwich_s - probed * costs.small[1]
    left -= adapting_s(job, costs, adapted) if adapted else 0.0
    share = max(1.0, left / _shares(job))
    image_s, latency_ms = _finalist(job, costs)
    val_images = min(job.data.images["val"], VALIDATION)
    each = evaluation_s(image_s, latency_ms, val_images, CALIBRATION)
    image_s += teacher_s(job, costs) if seen or adapted or job.teacher else 0.0
    evaluations = int(SEARCH_SHARE * share / each) if seen else 0
    evaluations = min(max(evaluations, LEAST_EVALUATIONS), MOST_EVALUATIONS) if seen else PROPOSED if adapted else 0
    share -= evaluations * each
    images, epochs = (
        (FIRST_IMAGES, FIRST_EPOCHS) if job.source is None else (FIRST_FROM_SOURCE, FIRST_EPOCHS_FROM_SOURCE)
    )
    needed_images = min(images, epochs * job.data.images["train"])
    most = MOST_EPOCHS * job.data.images["train"]
    fitting = [
        k
        for k in FINALISTS
        if rounds(k)[0].share * min(most, _images(job, image_s, latency_ms, k, share)) >= needed_images
    ]
    finalists = fitting[0] if fitting else FINALISTS[-1]
    tuned = _images(job, image_s, latency_ms, finalists, share)
    return Work(
        profile=job.work.profile,
        start_from=None if job.source is None else job.source.name,
        adapt_images=adapted,
        supernet_images=seen,
        evaluations=evaluations,
        finalists=finalists,
        probe_images=probed,
        tune_images=round_down(max(LEAST_IMAGES, min(tuned, most))),
    )


def probe_images(job: Job, costs: Costs) -> int:
    """Images that the check for mirroring trains on: the smallest network, so that it costs little."""
    if job.spec.augment != "auto" or job.data.resolution < PHOTO_SIZE:
        return 0
    affordable = PROBE_SHARE * job.spec.seconds / costs.small[1]
    return round_down(min(PROBE_IMAGES, PROBE_EPOCHS * job.data.images["train"], affordable))


def _images(job: Job, image_s: float, latency_ms: float, finalists: int, seconds: float) -> float:
    """How many images the winner of a tournament sees in so many seconds."""
    none = tournament_s(job, image_s, latency_ms, finalists, 0)
    one = tournament_s(job, image_s, latency_ms, finalists, 1) - none
    return max(0.0, (seconds - none) / one)


def _finalist(job: Job, costs: Costs) -> tuple[float, float]:
    """Seconds of training for an image, and milliseconds of latency, of a finalist: one near the limit where that is known."""
    if not job.target_plans:
        return costs.image_s(costs.sandwich / 4), 1.0
    found = [_near_limit(target_plan) for target_plan in job.target_plans]
    return fmean(costs.image_s(v) for v, _ in found), fmean(ms for _, ms in found)


def time_near_limit(context: Context, job: Job, costs: Costs) -> Costs:
    """The costs with a network near each target's limit, which the finalists are like, timed now or cached."""
    networks = [target_plan.space.network(_near_limit_selected(target_plan)[0]) for target_plan in job.target_plans]
    return time_networks(context, job, costs, networks)


def _near_limit(target_plan: TargetPlan) -> tuple[float, float]:
    """Activations and latency of the networks that would be trained if latency alone decided."""
    selected = _near_limit_selected(target_plan)
    latencies = target_plan.latency.predict_ms(target_plan.latency.lattice.encode(selected))
    return fmean(layer_values(target_plan.space.network(one)) for one in selected), fmean(float(ms) for ms in latencies)


def _near_limit_selected(target_plan: TargetPlan) -> list[Architecture]:
    return by_latency(target_plan.region, target_plan.space, FINALISTS[-1], seed=0)


def round_down(images: float) -> int:
    """Two significant digits: a plan is not more exact."""
    if images < 10:
        return max(1, int(images))
    unit: int = 10 ** (len(str(int(images))) - 2)
    return int(int(images) // unit * unit)


def plan_of(context: Context, job: Job, costs: Costs, *, profiling: float) -> Plan:
    """The estimated cost of a job whose work is decided."""
    image_s, latency_ms = _finalist(job, costs)
    val_images, work = min(job.data.images["val"], VALIDATION), job.work
    taught_s = image_s + (teacher_s(job, costs) if work.supernet_images or work.adapt_images or job.teacher else 0.0)
    seconds = {
        "profiling": profiling,
        "training": _training_s(context, job, costs),
        "searching": work.evaluations * len(job.targets) * evaluation_s(image_s, latency_ms, val_images, CALIBRATION),
        "fine_tuning": tournament_s(job, taught_s, latency_ms, work.finalists, work.tune_images) * len(job.targets)
        + (tournament_s(job, taught_s, latency_ms, 1, work.tune_images) if len(job.targets) > 1 else 0.0)
        + work.probe_images * costs.small[1],
        "verifying": verifying_s(job, work.finalists * (2 if work.evaluations else 1)),  # with as many in reserve
    }
    return Plan(
        seconds={name: round(s, 1) for name, s in seconds.items()},
        memory_bytes=_memory(job),
        resolution=job.data.resolution,
        supernet=work.supernet_images > 0,
        note=note(job),
    )


def _training_s(context: Context, job: Job, costs: Costs) -> float:
    """Training the source and the supernet, each where it is not cached."""
    adapting = adapting_s(job, costs, job.work.adapt_images) if job.source is not None else 0.0
    supernet = job.work.supernet_images * costs.sandwich_s
    augment = decided(context, job)
    if augment is None or not adapting + supernet:
        return adapting + supernet
    from nas.stages.adapt import adapted_hash  # torch; budgets are checked before it is loaded
    from nas.stages.train import trained

    settled = replace(job, augment=augment)
    start = adapted_hash(context, settled)
    if job.source is not None and start is None:
        return adapting + supernet
    return 0.0 if not supernet or trained(context, settled, start) else supernet


def note(job: Job) -> str:
    """The plan's choices in words, for the user."""
    work, image_size = job.work, job.data.resolution
    if work.supernet_images:
        start = "" if job.source is None else f" from {job.source.name}"
        how = f"A supernet is trained{start} and {work.evaluations} of its networks are evaluated; {work.finalists} are fine-tuned"
    elif job.source is not None:
        how = f"{work.evaluations} networks are cut out of {job.source.name} and evaluated; {work.finalists} are fine-tuned"
    else:
        how = f"The time is too short for a supernet to pay off: {work.finalists} networks are trained instead"
    epochs = f"{work.tune_images / job.data.images['train']:.3g} epochs"
    said = f"{how}, the best for {epochs}, at {image_size} x {image_size} pixels."
    where = f" {job.compute.note}" if job.compute.note else ""
    return said + where + (f" It takes about {_device_bytes(job) / 1e9:.1f} GB there." if job.compute.on_gpu else "")


def check_device_memory(job: Job) -> None:
    """Rejects a job whose largest network cannot be trained in the GPU's memory, before anything is trained.

    Raises:
        OutOfDeviceMemory: half of the batch would not fit either.
    """
    half, compute = _device_bytes(job) - step_bytes(job, SUPERNET) // 2, job.compute
    if not compute.on_gpu or half <= compute.memory_bytes:
        return
    weights = 16 * params(job.space.network(job.space.largest()))
    batch = config_for(job, SUPERNET).batch_size
    each = step_bytes(job, SUPERNET) / batch
    raise OutOfDeviceMemory(
        f"The largest network at {job.data.resolution} x {job.data.resolution} pixels needs about {half / 1e9:.1f} GB with batches of "
        f"{batch // 2} images; {compute.device} ({compute.gpu}) has {compute.memory_bytes / 1e9:.1f} GB.",
        fix="Give a lower --resolution or a smaller space, or use --device cpu.",
        facts={
            "device": compute.device,
            "memory_bytes": compute.memory_bytes,
            "batch": batch // 2,
            "fitting_batch": max(0, int((compute.memory_bytes - weights) / each)),
        },
    )


def _device_bytes(job: Job) -> int:
    """On a GPU: the images that are kept there, the supernet with its gradients and two moments, and a training step."""
    pixels = job.data.images["train"] * job.data.channels * job.data.resolution**2
    kept = pixels if job.compute.holds(pixels) else 0
    return kept + 16 * params(job.space.network(job.space.largest())) + step_bytes(job, SUPERNET)


def _memory(job: Job) -> int:
    """Images at every input size, the supernet with its gradients and two moments, and the largest network's training activations."""
    largest = job.space.network(job.space.largest())
    image_sizes = [int(image_size) for image_size in job.space.resolution.values]
    pixels = (
        sum(job.data.images.values()) * job.data.channels * sum(image_size * image_size for image_size in image_sizes)
    )
    return PROCESS_BYTES + 2 * pixels + 16 * params(largest) + step_bytes(job, SUPERNET)
