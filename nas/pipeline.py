"""The whole job: prepare, profile, train, search, finalise, verify, deliver. The functions behind every face of hwnas.

`search` finishes the architecture that it finds best; `export` one that somebody chose of what a search evaluated.
Each stage is found in the store or run (`nas/stages/`). Budgets are judged as soon as the latency tables are known, before
anything is trained. Torch is imported by the stages that need it, not here.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hw_targets.errors import UnknownTarget, UnsupportedArchitecture
from hw_targets.registry import target as find_target
from hw_targets.target import Target
from nas.data.augment import NO_AUGMENT, Augment
from nas.errors import Cancelled, InvalidSpec, UnknownRun
from nas.events import EventSink, PlanEvent, ignore
from nas.files import write_atomically
from nas.result import ExportResult, Plan, ProfileResult, SearchResult
from nas.spec import SearchSpec, targets_named
from nas.stages.budget import Goal, judge
from nas.stages.context import Context, Hold, unclaimed
from nas.stages.costs import Costs, time_training
from nas.stages.fit import fit_space
from nas.stages.prepare import PreparedData, prepare
from nas.stages.profile import profile as profile_stage
from nas.stages.profile import profiled
from nas.store import Store
from nas.work import PROFILES, Effort, Work, profile_work
from search_spaces.narrow import Narrowed
from search_spaces.space import Architecture, SearchSpace, text

if TYPE_CHECKING:
    from nas.stages.train import Supernet


def never() -> bool:
    """A caller who does not cancel."""
    return False


@dataclass(frozen=True)
class Job:
    """A search whose data, space and goals are known: all that is decided before anything is trained.

    Attributes:
        space: what the supernet is trained in.
        parts: what each target runs of it.
        augment: how training images are changed at random.
    """

    spec: SearchSpec
    work: Work
    data: PreparedData
    space: SearchSpace
    targets: tuple[Target, ...]
    parts: tuple[Narrowed, ...]
    goals: tuple[Goal, ...]
    threads: int
    augment: Augment = NO_AUGMENT


def search(
    spec: SearchSpec,
    *,
    out: Path = Path("runs"),
    store: Store | Path | str | None = None,
    on_event: EventSink = ignore,
    cancelled: Callable[[], bool] = never,
    hold: Hold = unclaimed,
) -> SearchResult:
    """Finds, trains, measures and delivers one INT8 model for each target.

    Args:
        spec: what is asked for.
        out: where the run's folder goes.
        store: where everything computed is kept: a folder, an fsspec URL, or a `Store`; `out/store` when None. The same spec and
            store continue a killed search.
        on_event: told of everything that happens.
        cancelled: polled often; the search stops soon after it says yes.
        hold: entered while a target is measured; a claim to the device beside the lock of the machine.

    Raises:
        InvalidData, InvalidSpace, UnknownTarget, TargetUnavailable: the spec names what is not there or not usable.
        UnsupportedSpace: a target runs no network of the space.
        InfeasibleBudget: no architecture keeps a budget; nothing was trained.
        OutOfSpace, UnwritableFolder: the disk is full, or a folder may not be written to; what was stored stays.
        Cancelled: the caller asked to stop; what was computed is stored.
    """
    from nas.runs import keep
    from nas.stages.finish import finish

    context = Context(Store.of(store or out / "store"), on_event, cancelled, hold)
    try:
        job = decide(context, spec)
        supernet = _supernet(context, job)
        run = run_name(spec)
        outcomes = {
            goal.info.id: finish(context, job, goal, target, supernet, out / run)
            for goal, target in zip(job.goals, job.targets, strict=True)
        }
    except KeyboardInterrupt as error:
        raise Cancelled(
            "The search was interrupted; what was computed is stored.", fix="Run the same command again to continue it."
        ) from error
    fronts = {name: outcome.finished for name, outcome in outcomes.items()}
    result = SearchResult(
        run=run,
        metric=spec.metric,
        front=next(iter(fronts.values())),
        fronts=fronts,
        estimates={name: outcome.estimates for name, outcome in outcomes.items()},
        models={name: outcome.model for name, outcome in outcomes.items()},
        seconds={name: round(seconds, 3) for name, seconds in context.seconds.items()},
        warnings=tuple(dict.fromkeys(context.warnings)),
    )
    work = job.work.model_copy(update={"resolution": job.data.resolution})
    resolved = spec.model_copy(update={"work": work})  # and all else as it was asked: it names the run
    keep(out / run, resolved, {name: outcome.candidates for name, outcome in outcomes.items()})
    write_atomically(out / run / "result.json", result.model_dump_json(indent=1).encode())
    return result


def _supernet(context: Context, job: Job) -> "Supernet | None":
    """The trained supernet, where the job's time suffices for one."""
    if not job.work.supernet_images:
        return None
    from nas.stages.train import train

    return train(context, job)


def export(
    spec: SearchSpec,
    architecture: str,
    target: str | None = None,
    *,
    out: Path = Path("runs"),
    store: Store | Path | str | None = None,
    on_event: EventSink = ignore,
    cancelled: Callable[[], bool] = never,
    hold: Hold = unclaimed,
) -> ExportResult:
    """Finishes and delivers an architecture that somebody chose, in the place of the one that the search chose itself.

    What the search computed is found in the store; what is not there any more (the latency table, the supernet) is made again.

    Args:
        spec: of the search, with all of its targets: they decide what the supernet is.
        architecture: its canonical string, as candidates and fronts have it.
        target: one of the spec's; not needed when it has but one.
        out: where the run's folder goes; the bundle has a folder of its own in it.
        store: where everything computed is kept; `out/store` when None.
        on_event: told of everything that happens.
        cancelled: polled often; the export stops soon after it says yes.
        hold: entered while a target is measured, as in `search`.

    Returns:
        The delivered model, also when it misses the budget: `within_budget` and a warning say so.

    Raises:
        InvalidArchitecture: it is not of the spec's space.
        UnsupportedArchitecture: the target does not run it.
        InvalidSpec, UnknownTarget: the target is not named and there are several, or is none of the spec's.
        Others: as `search`.
    """
    from nas.stages.finish import finish_chosen, folder_of

    context = Context(Store.of(store or out / "store"), on_event, cancelled, hold)
    run = run_name(spec)
    try:
        job, costs = _begun(context, spec)
        number = _index(job, target)
        part, device = job.parts[number], job.targets[number]
        chosen = _chosen(part, device, architecture)
        goal = _goal(context, job, number)
        job = _resolved(context, replace(job, goals=(goal,)), costs)
        folder = out / run / f"{folder_of(goal.info.id)}-{chosen.id}"
        model = finish_chosen(context, job, goal, device, _supernet(context, job), chosen, folder)
    except KeyboardInterrupt as error:
        raise Cancelled(
            "The export was interrupted; what was computed is stored.", fix="Run the same command again to continue it."
        ) from error
    return ExportResult(
        run=run,
        target=goal.info.id,
        model=model,
        within_budget=model.latency_ms.verdict != "missed",
        seconds={name: round(seconds, 3) for name, seconds in context.seconds.items()},
        warnings=tuple(dict.fromkeys(context.warnings)),
    )


def _index(job: Job, target: str | None) -> int:
    """Which of the job's targets is meant: by the name that the spec has, or by its id."""
    names = [wanted.target for wanted in job.spec.targets]
    if target is None:
        if len(names) == 1:
            return 0
        raise InvalidSpec(
            f"The search has {len(names)} targets.",
            fix=f"Name one of {', '.join(names)}.",
            facts={"targets": list(names)},
        )
    for number, (name, found) in enumerate(zip(names, job.targets, strict=True)):
        if target in (name, found.info.id):
            return number
    raise UnknownTarget(
        f"The search has no target {target!r}.", fix=f"Use one of {', '.join(names)}.", facts={"targets": list(names)}
    )


def _chosen(part: Narrowed, target: Target, architecture: str) -> Architecture:
    """The architecture of a string, in the part of the space that the target runs."""
    words = set(architecture.split())
    away = {f"{one.choice}={text(one.value)}": one.reason for one in part.removed}
    if wrong := {word: away[word] for word in sorted(words & set(away))}:
        raise UnsupportedArchitecture(
            f"{target.info.id} does not run the architecture: {'; '.join(dict.fromkeys(wrong.values()))}.",
            fix=f"Choose one without {', '.join(wrong)}, or another target.",
            facts={"target": target.info.id, "unsupported": wrong},
        )
    return part.space.parse(architecture)


def sketch(context: Context, spec: SearchSpec, *, resolution: int | None = None) -> Job:
    """A job without its goals and with the least work: the data's facts, the space, the targets. Raises as `search` does."""
    targets = targets_named([wanted.target for wanted in spec.targets])
    resolution = resolution or (spec.work and spec.work.resolution) or spec.resolution
    data = prepare(context, spec.data, resolution=resolution, seed=spec.seed, fit=spec.fit)
    size = {"resolution": data.resolution, "channels": data.channels, "classes": len(data.classes)}
    fitted = fit_space(context, spec.space, targets, **size)
    threads = spec.threads or len(os.sched_getaffinity(0))
    least = Work(profile=profile_work(spec.seconds), supernet_images=0, queries=0, finalists=1, tune_images=1)
    return Job(spec, spec.work or least, data, fitted.space, targets, fitted.parts, (), threads)


def prepare_job(context: Context, spec: SearchSpec) -> tuple[Job, Costs]:
    """A sketch with images of a size that its time suffices for, and what its stages cost on this machine.

    The size is decided once and stored: times that are taken again must not send a killed search another way.

    Raises:
        InvalidSpec: even the least work takes longer than the spec's time.
        Others: as `search`.
    """
    from nas.stages import plan as plans

    job = sketch(context, spec)
    key = plans.side_key(job)
    known = context.store.find(key)
    if known is not None and spec.work is None:
        job = sketch(context, spec, resolution=known.facts["side"])
    settled = known is not None or spec.work is not None
    own = settled or spec.resolution is not None
    smaller = () if own else [side for side in plans.SIDES if side < job.data.resolution]
    if not smaller:
        _refuse_early(context, job)
    costs = time_training(context, job)
    for side in smaller:
        if plans.comfortable(job, costs) or (job.data.resolution <= plans.SMALL and plans.fits(job, costs)):
            break
        job = sketch(context, spec, resolution=side)
        costs = time_training(context, job)
    if not settled:
        if not plans.fits(job, costs):
            raise plans.too_short(job, costs)
        context.store.finish(key, {}, seconds=0.0, facts={"side": job.data.resolution})
    return job, costs


def _refuse_early(context: Context, job: Job) -> None:
    """Refuses budgets that stored latency tables rule out, before anything takes time."""
    quiet = replace(context, on_event=ignore, seconds={}, noted=[])
    if all(profiled(quiet, t, p.space, job.work.profile) for t, p in zip(job.targets, job.parts, strict=True)):
        for number in range(len(job.targets)):
            _goal(quiet, job, number)


def decide(context: Context, spec: SearchSpec) -> Job:
    """Everything before training: a sketch, the latency tables, the budgets, the work, the augmentation. Raises as `search` does."""
    job, costs = _begun(context, spec)
    return _resolved(context, with_goals(context, job), costs)


def _begun(context: Context, spec: SearchSpec) -> tuple[Job, Costs | None]:
    """A job before its goals; nothing is timed where the spec has its work already."""
    return prepare_job(context, spec) if spec.work is None else (sketch(context, spec), None)


def with_goals(context: Context, job: Job) -> Job:
    """The job with its targets' latency tables and its budgets, judged. Raises as `search` does."""
    goals = tuple(_goal(context, job, number) for number in range(len(job.targets)))
    for goal in goals:
        if not goal.outcome.binds:
            context.warn(
                f"The budget of {goal.budget_ms:g} ms on {goal.info.id} does not bind: the slowest architecture is predicted "
                f"at {goal.outcome.reachable_ms[1]:.4g} ms.",
                target=goal.info.id,
            )
    return replace(job, goals=goals)


def _goal(context: Context, job: Job, number: int) -> Goal:
    """One target with its latency table and its budget, judged."""
    context.check_cancelled()
    target, part = job.targets[number], job.parts[number]
    table = profile_stage(context, target, part.space, job.work.profile)
    return judge(context, target, table, part, job.spec.targets[number].latency_ms, job.spec.budget_on)


def _resolved(context: Context, job: Job, costs: Costs | None) -> Job:
    """The job with its work and its augmentation decided."""
    from nas.stages.augmentation import augmentation
    from nas.stages.plan import note, resolve

    if costs is not None:
        job = resolve(context, job, costs)
    supernet = job.work.supernet_images > 0
    context.on_event(PlanEvent(resolution=job.data.resolution, supernet=supernet, note=note(job)))
    return replace(job, augment=augmentation(context, job))


def run_name(spec: SearchSpec) -> str:
    """The run's folder: named after the data and the space, told apart by a hash of the whole spec."""
    digest = hashlib.sha256(spec.model_dump_json(exclude={"work"}).encode()).hexdigest()[:8]
    data = "".join(c if c.isalnum() else "-" for c in Path(spec.data).stem)[:32]
    space = spec.space if isinstance(spec.space, str) else str(spec.space.get("name", "space"))
    title = "".join(c if c.isalnum() else "-" for c in Path(space).stem)[:32]
    return f"{data}-{title}-{digest}"


def plan(spec: SearchSpec, *, out: Path = Path("runs"), store: Store | Path | str | None = None) -> Plan:
    """What a search will take, before its start: seconds of each stage (0 where it is in the store) and memory.

    Raises:
        InvalidData, InvalidSpace, UnknownTarget, TargetUnavailable: as `search`.
        InfeasibleBudget: where the latency tables exist already.
    """
    from nas.stages.plan import estimate

    return estimate(Context(Store.of(store or out / "store"), ignore, never), spec)


def profile(
    target: str,
    space: str,
    *,
    resolution: int,
    channels: int,
    classes: int,
    effort: Effort = "standard",
    seed: int = 0,
    out: Path = Path("runs"),
    store: Store | Path | str | None = None,
    on_event: EventSink = ignore,
    cancelled: Callable[[], bool] = never,
    hold: Hold = unclaimed,
) -> ProfileResult:
    """Measures a target's latency table for a space, ahead of any search, and says how far to trust it.

    Raises:
        UnknownTarget, TargetUnavailable, InvalidSpace: what is named is not there or not usable.
        Cancelled: the caller asked to stop; the samples are kept.
    """
    context = Context(Store.of(store or out / "store"), on_event, cancelled, hold)
    found = find_target(target)
    fitted = fit_space(context, space, [found], resolution=resolution, channels=channels, classes=classes)
    try:
        measured = profile_stage(context, found, fitted.space, PROFILES[effort], seed=seed)
    except KeyboardInterrupt as error:
        raise Cancelled(
            "The profile was interrupted; its samples are stored.", fix="Run the same command again to continue it."
        ) from error
    table = measured.table
    goal = judge(context, found, measured, fitted.parts[0], "100%")
    return ProfileResult(
        target=found.info.id,
        device=found.info.device,
        runtime=found.info.runtime,
        fingerprint=found.info.fingerprint,
        space=fitted.space.name,
        resolution=resolution,
        card=table.card,
        keys=len(table.entries),
        architectures=goal.outcome.architectures,
        reachable_ms=goal.outcome.reachable_ms,
        table=context.store.path_of(measured.hash),
        seconds=round(sum(context.seconds.values()), 3),
        warnings=tuple(dict.fromkeys(context.warnings)),
    )


def show(run: str, *, out: Path = Path("runs")) -> SearchResult:
    """The result of a finished run.

    Raises:
        UnknownRun: there is none of that name; `facts` list those that there are.
    """
    path = out / run / "result.json"
    known = sorted(p.parent.name for p in out.glob("*/result.json")) if out.is_dir() else []
    if run not in known:
        raise UnknownRun(
            f"There is no finished run {run!r} in {out}.",
            fix=f"Use one of {', '.join(known)}." if known else "Run `hwnas search` first.",
            facts={"known": list(known)},
        )
    return SearchResult.model_validate(json.loads(path.read_text()))
