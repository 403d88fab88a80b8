"""From a spec to a job: everything that is decided before anything is trained. Not here: the stages, and what a job is.

Each decision is made once and stored: timing or measuring again must not change a resumed search.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hw_targets.registry import target as find_target
from hw_targets.target import Target
from nas.compute import resolve as resolve_compute
from nas.events import PlanEvent, ignore
from nas.job import Job
from nas.own_source import OwnSource, read
from nas.search.searchers.registry import searcher
from nas.spec import SearchSpec, reject_floats, targets_named
from nas.stages import plan as plans
from nas.stages.budget import check_budget
from nas.stages.choose_source import choose_source, own_source, space_of
from nas.stages.context import Context
from nas.stages.costs import Costs, time_training
from nas.stages.limits import check_space, warn_of_inactive
from nas.stages.profile import profile, profiled
from nas.stages.read_data import read_data
from nas.stages.restrict_space import restrict_space
from nas.target_plan import TargetPlan
from nas.work import Work, profile_work
from search_spaces.derived import derive


def resolve_spec(context: Context, spec: SearchSpec, *, resolution: int | None = None) -> Job:
    """A job without its target plans and with the least work: the data's facts, the space, the targets. Raises as `search` does."""
    targets = targets_named([target_budget.target for target_budget in spec.targets])
    reject_floats(targets)
    searcher(spec.searcher)
    resolution = resolution or (spec.work and spec.work.resolution) or spec.resolution
    data = read_data(context, spec.data, resolution=resolution, seed=spec.seed, fit=spec.fit)
    source = choose_source(spec, data)
    if source is not None and resolution is None:
        side = source.side or max(data.resolution, plans.FROM_SOURCE)
        if side != data.resolution:
            data = read_data(context, spec.data, resolution=side, seed=spec.seed, fit=spec.fit)
    size = {"resolution": data.resolution, "channels": data.channels, "classes": len(data.classes)}
    fitted = restrict_space(context, space_of(spec, source), targets, sharing=_sharing(spec, targets), **size)
    compute = resolve_compute(spec.device, spec.threads)
    least = Work(profile=profile_work(spec.seconds), supernet_images=0, evaluations=0, finalists=1, tune_images=1)
    infos = tuple(target.info for target in targets)
    teacher = None if spec.teacher is None else own_source(spec.teacher)
    return Job(spec, spec.work or least, data, fitted.space, infos, fitted.restricted, (), compute, source, teacher)


def _sharing(spec: SearchSpec, targets: Sequence[Target]) -> list[Target]:
    """The targets that share the supernet besides those of the search."""
    own = {target.info.id for target in targets}
    return [one for one in map(find_target, spec.supernet_targets) if one.info.id not in own]


def choose_resolution(context: Context, spec: SearchSpec) -> tuple[Job, Costs]:
    """A job with an image size that fits its time, and the costs of its stages on this machine.

    Raises:
        InvalidSpec: even the least work takes longer than the spec's time.
        Others: as `search`.
    """
    job = resolve_spec(context, spec)
    key = plans.image_size_key(job)
    known = context.store.find(key)
    if known is not None and spec.work is None:
        job = resolve_spec(context, spec, resolution=known.facts["image_size"])
    settled = known is not None or spec.work is not None
    own = settled or spec.resolution is not None or (job.source is not None and job.source.side is not None)
    smaller = () if own else [image_size for image_size in plans.IMAGE_SIZES if image_size < job.data.resolution]
    if not smaller:
        _reject_early(context, job)
    costs = time_training(context, job)
    for image_size in smaller:
        if plans.comfortable(job, costs) or (job.data.resolution <= plans.SMALL and plans.fits(job, costs)):
            break
        job = resolve_spec(context, spec, resolution=image_size)
        costs = time_training(context, job)
    if smaller:
        check_space(job)
    if not settled:
        if not plans.fits(job, costs):
            raise plans.too_short(job, costs)
        context.store.finish(key, {}, seconds=0.0, facts={"image_size": job.data.resolution})
    return job, costs


def prepare_job(context: Context, spec: SearchSpec) -> Job:
    """Everything before training: data, space, latency tables, budgets, work, augmentation. Raises as `search` does."""
    job, costs = start_job(context, spec)
    if isinstance(job.source, OwnSource):
        _announce(context, job, job.source)
    return with_work(context, with_target_plans(context, job), costs)


def _announce(context: Context, job: Job, source: OwnSource) -> None:
    """Says what of a user's own network can shrink; raises where its weights cannot be read, before anything takes time."""
    read(source, side=job.data.resolution)
    shrinks = derive(Path(source.space), side=job.data.resolution).describe()
    context.info(f"The search starts from {source.name}: {shrinks}.")


def start_job(context: Context, spec: SearchSpec) -> tuple[Job, Costs | None]:
    """A job before its target plans; nothing is timed where the spec already has its work."""
    return choose_resolution(context, spec) if spec.work is None else (resolve_spec(context, spec), None)


def with_target_plans(context: Context, job: Job) -> Job:
    """The job with its targets' latency tables and its checked budgets. Raises as `search` does."""
    check_space(job)
    target_plans = tuple(target_plan_of(context, job, number) for number in range(len(job.targets)))
    for target_plan in target_plans:
        if not target_plan.outcome.active:
            context.warn(
                f"The budget of {target_plan.budget_ms:g} ms on {target_plan.info.id} is an inactive constraint: every architecture "
                f"meets it, and the slowest is predicted at {target_plan.outcome.reachable_ms[1]:.4g} ms.",
                target=target_plan.info.id,
            )
        warn_of_inactive(context, target_plan)
    return replace(job, target_plans=target_plans)


def target_plan_of(context: Context, job: Job, number: int) -> TargetPlan:
    """One target with its latency table and its checked budget."""
    context.check_cancelled()
    target, restricted = find_target(job.targets[number].id), job.restricted[number]
    table = profile(context, target, restricted.space, job.work.profile)
    return check_budget(
        context,
        target,
        table,
        restricted,
        job.spec.targets[number].latency_ms,
        job.spec.budget_on,
        job.spec.cost_limits,
    )


def with_work(context: Context, job: Job, costs: Costs | None) -> Job:
    """The job with its work and its augmentation decided; raises `InvalidSpec` where its teacher does not know the classes."""
    from nas.stages.augmentation import augmentation

    if costs is not None:
        job = plans.resolve(context, job, costs)
    plans.check_device_memory(job)
    if job.teacher is not None:
        from nas.stages.teacher import OwnTeacher

        _ = OwnTeacher(context, job, job.teacher).mode  # raises where it does not know the classes
    supernet = job.work.supernet_images > 0
    context.on_event(PlanEvent(resolution=job.data.resolution, supernet=supernet, note=plans.note(job)))
    return replace(job, augment=augmentation(context, job))


def _reject_early(context: Context, job: Job) -> None:
    """Rejects limits that no network meets, and budgets that stored latency tables rule out, before anything takes time."""
    check_space(job)
    quiet = replace(context, on_event=ignore, seconds={}, noted=[])
    if all(profiled(quiet, t, p.space, job.work.profile) for t, p in zip(job.targets, job.restricted, strict=True)):
        for number in range(len(job.targets)):
            target_plan_of(quiet, job, number)
