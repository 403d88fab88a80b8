"""The whole job: prepare, profile, train, search, fine-tune, verify, export. The functions behind every interface of hwnas.

`search` exports the best architecture that it finds; `export` one that the user selected of those that a search evaluated.
Each stage is cached or run (`nas/stages/`). Budgets are checked as soon as the latency tables are known, before anything is
trained. Torch is imported by the stages that need it, not here.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from hw_targets.errors import UnknownTarget, UnsupportedArchitecture
from hw_targets.registry import target as find_target
from hw_targets.stopping import never
from hw_targets.target import Target
from nas.errors import Cancelled, InvalidSpec, UnknownRun
from nas.evaluations import keep_evaluations
from nas.events import EventSink, ignore
from nas.execution.executor import Executor
from nas.execution.executor import training_workers as workers_of_training
from nas.execution.local import LocalExecutor
from nas.files import write_atomically
from nas.job import Job
from nas.prepare_job import prepare_job, start_job, target_plan_of, with_work
from nas.result import ExportResult, ProfileResult, SearchResult
from nas.spec import SearchSpec
from nas.stages.budget import check_budget
from nas.stages.choose_source import AUTO
from nas.stages.context import Context, DeviceClaim, no_claim
from nas.stages.plan import PROPOSED
from nas.stages.profile import profile as profile_stage
from nas.stages.restrict_space import restrict_space
from nas.store import Store
from nas.work import PROFILES, Effort
from search_spaces.restrict import RestrictedSpace
from search_spaces.space import Architecture, text

if TYPE_CHECKING:
    from nas.stages.adapt import Adapted
    from nas.stages.train import Supernet


def search(
    spec: SearchSpec,
    *,
    out: Path = Path("runs"),
    store: Store | Path | str | None = None,
    on_event: EventSink = ignore,
    cancelled: Callable[[], bool] = never,
    claim: DeviceClaim = no_claim,
    executor: Executor | None = None,
    training_workers: int | None = None,
) -> SearchResult:
    """Finds, trains, measures and exports one INT8 model for each target.

    Args:
        spec: of the search.
        out: where the run's folder goes.
        store: of all results: a folder, an fsspec URL, or a `Store`; `out/store` when None. The same spec and
            store resume a killed search.
        on_event: receives every event.
        cancelled: polled often; the search stops soon after it returns true.
        claim: entered while a target is measured; a claim to the device besides the lock of the machine.
        executor: of work that can be done by others; this process when None. The result does not depend on it.
        training_workers: how many of the executor's workers train the supernet together; as `HWNAS_TRAINING_WORKERS` says when None,
            else one. What several learn differs from what one learns by the order of float sums, as with another number of threads.

    Raises:
        InvalidData, InvalidSpace, UnknownTarget, TargetUnavailable: the spec names something missing or unusable.
        UnsupportedSpace: a target runs no network of the space.
        InfeasibleBudget: no architecture meets a budget; nothing was trained.
        InfeasibleLimits: none meets the limits, or none meets them within a budget; nothing was trained.
        OutOfSpace, UnwritableFolder: the disk is full, or a folder may not be written to; everything stored stays.
        Cancelled: the caller requested a stop; completed work is stored.
    """
    place = Store.of(store or out / "store")
    together = workers_of_training(training_workers)
    context = Context(place, on_event, cancelled, claim, executor or LocalExecutor(), together)
    return search_in(context, spec, out)


def search_in(context: Context, spec: SearchSpec, out: Path) -> SearchResult:
    """The search of a spec with the context of its caller, who may read what its stages cost there. Raises as `search` does."""
    try:
        return search_job(context, prepare_job(context, spec), out)
    except KeyboardInterrupt as error:
        raise Cancelled(
            "The search was interrupted; what was computed is stored.", fix="Run the same command again to continue it."
        ) from error


def search_job(context: Context, job: Job, out: Path) -> SearchResult:
    """The search of a prepared job, on any machine that reaches the store: the data's source is not read again. Raises as `search` does."""
    from nas.runs import keep
    from nas.stages.deliver import deliver_all
    from nas.stages.serve_all import serve_all
    from nas.stages.target_run import TargetRun
    from nas.stages.workers import say_where

    say_where(context, job)
    searched, supernet, adapted = trained_job(context, job)
    spec, run = job.spec, run_name(job.spec)
    target_runs = [
        TargetRun(context, searched, target_plan, find_target(target_plan.info.id), supernet, adapted)
        for target_plan in job.target_plans
    ]
    outcomes = deliver_all(target_runs, out / run)
    common = serve_all(target_runs, tuple(outcomes.values())) if len(target_runs) > 1 else None
    fronts = {name: outcome.trained for name, outcome in outcomes.items()}
    result = SearchResult(
        run=run,
        metric=spec.metric,
        front=next(iter(fronts.values())),
        fronts=fronts,
        estimates={name: outcome.estimates for name, outcome in outcomes.items()},
        models={name: outcome.model for name, outcome in outcomes.items()},
        common=common,
        seconds={name: round(seconds, 3) for name, seconds in context.seconds.items()},
        warnings=tuple(dict.fromkeys(context.warnings)),
    )
    work = job.work.model_copy(update={"resolution": job.data.resolution})
    resolved = spec.model_copy(update={"work": work})  # all else as requested: it names the run
    keep(out / run, resolved, {name: outcome.candidates for name, outcome in outcomes.items()})
    keep_evaluations(out / run, {name: outcome.evaluations for name, outcome in outcomes.items()})
    write_atomically(out / run / "result.json", result.model_dump_json(indent=1).encode())
    return result


def trained_job(context: Context, job: Job) -> "tuple[Job, Supernet | None, Adapted | None]":
    """The trained supernet, where the job's time is enough for one, the source on the job's data, where it starts from one; and the job.

    Without a supernet, networks are slices of the source. The job has no supernet any more where more search is not expected to pay:
    the source alone makes no mistake on the validation images, so that nothing could be told to be better.
    """
    adapted = None
    if job.source is not None:
        from nas.stages.adapt import adapt

        adapted = adapt(context, job)
        if job.work.supernet_images and job.spec.method == "auto" and max(adapted.values) == 1.0:
            context.info(
                f"{job.source.name} makes no mistake on the {job.data.images['val']:,} validation images: networks are cut out of it, "
                "without a supernet."
            )
            evaluations = min(job.work.evaluations, PROPOSED)
            job = replace(job, work=job.work.model_copy(update={"supernet_images": 0, "evaluations": evaluations}))
    start = None if adapted is None else adapted.supernet
    if not job.work.supernet_images:
        return job, start, adapted
    from nas.stages.train import train

    return job, train(context, job, start), adapted


def export(
    spec: SearchSpec,
    architecture: str,
    target: str | None = None,
    *,
    out: Path = Path("runs"),
    store: Store | Path | str | None = None,
    on_event: EventSink = ignore,
    cancelled: Callable[[], bool] = never,
    claim: DeviceClaim = no_claim,
    executor: Executor | None = None,
) -> ExportResult:
    """Trains and exports an architecture that the user selected, in place of the one that the search selected.

    The search's results are cached; missing ones (the latency table, the supernet) are computed again.

    Args:
        spec: of the search, with all of its targets: they decide what the supernet is.
        architecture: its canonical string, as in candidates and fronts.
        target: one of the spec's; not needed when it has but one.
        out: where the run's folder goes; the bundle has a folder of its own in it.
        store: of all results; `out/store` when None.
        on_event: receives every event.
        cancelled: polled often; the export stops soon after it returns true.
        claim: entered while a target is measured, as in `search`.
        executor: as in `search`.

    Returns:
        The exported model, also when it exceeds the budget or a limit: `within_budget` and a warning say so.

    Raises:
        InvalidArchitecture: it is not of the spec's space.
        UnsupportedArchitecture: the target does not run it.
        InvalidSpec, UnknownTarget: the target is not named and there are several, or is not in the spec.
        Others: as `search`.
    """
    from nas.stages.deliver import deliver_selected, target_folder
    from nas.stages.target_run import TargetRun

    context = Context(Store.of(store or out / "store"), on_event, cancelled, claim, executor or LocalExecutor())
    run = run_name(spec)
    try:
        job, costs = start_job(context, spec)
        number = _index(job, target)
        device = find_target(job.targets[number].id)
        selected = _select(job.restricted[number], device, architecture)
        target_plan = target_plan_of(context, job, number)
        job = with_work(context, replace(job, target_plans=(target_plan,)), costs)
        folder = out / run / f"{target_folder(target_plan.info.id)}-{selected.id}"
        searched, supernet, adapted = trained_job(context, job)
        one = TargetRun(context, searched, searched.target_plans[0], device, supernet, adapted)
        model = deliver_selected(one, selected, folder)
    except KeyboardInterrupt as error:
        raise Cancelled(
            "The export was interrupted; what was computed is stored.", fix="Run the same command again to continue it."
        ) from error
    return ExportResult(
        run=run,
        target=target_plan.info.id,
        model=model,
        within_budget=model.latency_ms.verdict != "exceeded" and all(limit.met for limit in model.limits),
        seconds={name: round(seconds, 3) for name, seconds in context.seconds.items()},
        warnings=tuple(dict.fromkeys(context.warnings)),
    )


def _index(job: Job, target: str | None) -> int:
    """The index of the job's target with this name in the spec, or with this id."""
    names = [target_budget.target for target_budget in job.spec.targets]
    if target is None:
        if len(names) == 1:
            return 0
        raise InvalidSpec(
            f"The search has {len(names)} targets.",
            fix=f"Name one of {', '.join(names)}.",
            facts={"targets": list(names)},
        )
    for number, (name, found) in enumerate(zip(names, job.targets, strict=True)):
        if target in (name, found.id):
            return number
    raise UnknownTarget(
        f"The search has no target {target!r}.", fix=f"Use one of {', '.join(names)}.", facts={"targets": list(names)}
    )


def _select(restricted: RestrictedSpace, target: Target, architecture: str) -> Architecture:
    """The architecture of a string, in the part of the space that the target runs."""
    words = set(architecture.split())
    removed = {f"{one.choice}={text(one.value)}": one.reason for one in restricted.removed}
    if wrong := {word: removed[word] for word in sorted(words & set(removed))}:
        raise UnsupportedArchitecture(
            f"{target.info.id} does not run the architecture: {'; '.join(dict.fromkeys(wrong.values()))}.",
            fix=f"Choose one without {', '.join(wrong)}, or another target.",
            facts={"target": target.info.id, "unsupported": wrong},
        )
    return restricted.space.parse(architecture)


def run_name(spec: SearchSpec) -> str:
    """The run's folder: named after the data and the space, with a hash of the whole spec."""
    decided = {"work", "supernet_targets"}  # by the engine, not by what is asked for
    own = (
        decided | spec.without_effect | ({"device"} if spec.device == "auto" else set())
    )  # as before there was a choice
    digest = hashlib.sha256(spec.model_dump_json(exclude=own).encode()).hexdigest()[:8]
    data = "".join(c if c.isalnum() else "-" for c in Path(spec.data).stem)[:32]
    space = spec.space if isinstance(spec.space, str) else str(spec.space.get("name", "space"))
    title = "".join(c if c.isalnum() else "-" for c in Path(space).stem)[:32]
    return f"{data}-{digest}" if space == AUTO else f"{data}-{title}-{digest}"


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
    claim: DeviceClaim = no_claim,
) -> ProfileResult:
    """Measures a target's latency table for a space, before any search, with its accuracy report.

    Raises:
        UnknownTarget, TargetUnavailable, InvalidSpace: something named is missing or unusable.
        Cancelled: the caller requested a stop; the samples are kept.
    """
    context = Context(Store.of(store or out / "store"), on_event, cancelled, claim)
    found = find_target(target)
    fitted = restrict_space(context, space, [found], resolution=resolution, channels=channels, classes=classes)
    try:
        measured = profile_stage(context, found, fitted.space, PROFILES[effort], seed=seed)
    except KeyboardInterrupt as error:
        raise Cancelled(
            "The profile was interrupted; its samples are stored.", fix="Run the same command again to continue it."
        ) from error
    table = measured.table
    target_plan = check_budget(context, found, measured, fitted.restricted[0], "100%")
    return ProfileResult(
        target=found.info.id,
        device=found.info.device,
        runtime=found.info.runtime,
        fingerprint=found.info.fingerprint,
        precision=found.info.precision,
        batch=found.info.batch,
        space=fitted.space.name,
        resolution=resolution,
        accuracy_report=table.accuracy_report,
        keys=len(table.entries),
        architectures=target_plan.outcome.architectures,
        reachable_ms=target_plan.outcome.reachable_ms,
        table=context.store.path_of(measured.hash),
        seconds=round(sum(context.seconds.values()), 3),
        warnings=tuple(dict.fromkeys(context.warnings)),
    )


def show(run: str, *, out: Path = Path("runs")) -> SearchResult:
    """The result of a finished run.

    Raises:
        UnknownRun: there is none of that name, `facts` list those that there are; or another version made it.
    """
    path = out / run / "result.json"
    known = sorted(p.parent.name for p in out.glob("*/result.json")) if out.is_dir() else []
    if run not in known:
        raise UnknownRun(
            f"There is no finished run {run!r} in {out}.",
            fix=f"Use one of {', '.join(known)}." if known else "Run `hwnas search` first.",
            facts={"known": list(known)},
        )
    try:
        return SearchResult.model_validate_json(path.read_text())
    except ValidationError as error:
        raise UnknownRun(
            f"{path} is of another version of hwnas: {error.error_count()} fields differ.",
            fix="Run its search again (results that this version can use are cached), or read the file itself.",
            facts={"file": str(path)},
        ) from error
