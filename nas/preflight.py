"""Work before a search: estimate its cost, or train its supernet. Not here: the search (`pipeline.py`)."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hw_targets.registry import target as find_target
from hw_targets.stopping import never
from nas.errors import Cancelled, InvalidSpec
from nas.events import EventSink, ignore
from nas.execution.executor import Executor
from nas.execution.executor import training_workers as workers_of_training
from nas.execution.local import LocalExecutor
from nas.frozen import FrozenModel
from nas.job import Job
from nas.prepare_job import choose_resolution, with_target_plans
from nas.result import Plan
from nas.spec import SearchSpec
from nas.stages import plan as plans
from nas.stages.context import Context
from nas.stages.costs import Costs, profiling_s
from nas.stages.profile import profile, profiled
from nas.store import Store


class JobEstimate(FrozenModel):
    """The estimate of a search before it starts.

    Attributes:
        architectures: how many the space has; a string, since it may exceed 2**53.
        reachable_ms: of each target whose latency table is stored, the fastest and the slowest architecture, predicted.
        plan: estimated seconds of each stage, and memory.
        warnings: for the user.
    """

    architectures: str
    reachable_ms: dict[str, tuple[float, float]]
    plan: Plan
    warnings: tuple[str, ...]


class Pretrained(FrozenModel):
    """A trained supernet in the store."""

    space: str
    resolution: int
    supernet_sha256: str
    seconds: float
    warnings: tuple[str, ...]


def plan(spec: SearchSpec, *, out: Path = Path("runs"), store: Store | Path | str | None = None) -> Plan:
    """The estimated cost of a search: seconds of each stage (0 where it is cached) and memory.

    Raises:
        InvalidData, InvalidSpace, UnknownTarget, TargetUnavailable: as `search`.
        InfeasibleBudget: where the latency tables already exist.
    """
    context = Context(Store.of(store or out / "store"))
    return _plan(context, *choose_resolution(context, spec))


def _plan(context: Context, job: Job, costs: Costs) -> Plan:
    """The estimated cost of a job with its final image size."""
    unknown = [
        target
        for target, restricted in zip(job.targets, job.restricted, strict=True)
        if not profiled(context, target, restricted.space, job.work.profile)
    ]
    if not unknown:  # budgets are checked before anything takes time
        job = plans.resolve(context, with_target_plans(context, job), costs)
        costs = plans.time_near_limit(context, job, costs)
    elif job.spec.work is None:
        job = replace(job, work=plans.afford(job, costs))
    return plans.plan_of(
        context, job, costs, profiling=sum(profiling_s(job.work.profile, target) for target in unknown)
    )


def estimate_job(spec: SearchSpec, *, store: Store | Path | str) -> JobEstimate:
    """The estimated cost of a search. A cached stage costs nothing.

    Raises:
        InvalidData, InvalidSpace, UnknownTarget, TargetUnavailable: as the search.
        InfeasibleBudget: where the latency tables already exist.
    """
    from latency_models.compiled import compile_table
    from search_spaces.lattice import Lattice

    context = Context(Store.of(store))
    job, costs = choose_resolution(context, spec)
    work = job.work.profile
    reachable = {
        target.id: compile_table(
            profile(context, find_target(target.id), restricted.space, work).table, Lattice.of(restricted.space)
        ).reachable_ms
        for target, restricted in zip(job.targets, job.restricted, strict=True)
        if profiled(context, target, restricted.space, work)
    }
    return JobEstimate(
        architectures=str(Lattice.of(job.space).size),
        reachable_ms=reachable,
        plan=_plan(context, job, costs),
        warnings=tuple(context.warnings),
    )


def pretrain(
    spec: SearchSpec,
    *,
    store: Store | Path | str,
    on_event: EventSink = ignore,
    cancelled: Callable[[], bool] = never,
    executor: Executor | None = None,
    training_workers: int | None = None,
) -> Pretrained:
    """Trains the supernet that a search of the same data, space, source, targets, effort, seed and threads needs.

    The targets restrict the space to what they run; their budgets do not matter. `executor` and `training_workers` are as in
    `nas.search`.

    Raises:
        InvalidData, InvalidSpace, UnknownTarget, TargetUnavailable: the spec names something missing or unusable.
        SourceUnavailable: the network to start from is not known, not installed, or of another space.
        InvalidSpec: the time is too short for a supernet, or the method trains none.
        UnsupportedSpace: a target runs no network of the space.
        Cancelled: the caller requested a stop; a checkpoint is kept.
    """
    from nas.stages.adapt import adapt
    from nas.stages.augmentation import augmentation
    from nas.stages.train import train

    if spec.method == "prune":
        raise InvalidSpec("The method prune trains no supernet.", fix="Use the method auto or search.")
    workers = executor or LocalExecutor()
    together = workers_of_training(training_workers)
    context = Context(Store.of(store), on_event, cancelled, executor=workers, training_workers=together)
    try:
        job, costs = choose_resolution(context, spec)
        images = plans.supernet_images(job, costs) if spec.work is None else spec.work.supernet_images
        if not images:
            instead = "trains a few networks" if job.source is None else f"cuts networks out of {job.source.name}"
            raise InvalidSpec(
                f"In {spec.seconds / 60:g} minutes a supernet learns too little here to pay off; a search {instead} instead.",
                fix="Give more minutes, or a lower resolution.",
            )
        if spec.work is None:
            sizes = {
                "supernet_images": images,
                "probe_images": plans.probe_images(job, costs),
                "adapt_images": plans.adapt_images(job, costs),
            }
            job = replace(job, work=job.work.model_copy(update=sizes))
        job = replace(job, augment=augmentation(context, job))
        start = None if job.source is None else adapt(context, job).supernet
        trained = train(context, job, start)
    except KeyboardInterrupt as error:
        raise Cancelled(
            "The training was interrupted; its checkpoint is stored.", fix="Run it again to continue."
        ) from error
    return Pretrained(
        space=job.space.name,
        resolution=job.data.resolution,
        supernet_sha256=trained.hash,
        seconds=round(sum(context.seconds.values()), 3),
        warnings=tuple(context.warnings),
    )
