"""From a trained supernet (or none) to one target's bundle: select finalists, compare them in a tournament, measure the winner, export it.

`deliver` exports the winner of the tournament; `deliver_selected` an architecture that the user selected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hw_targets.target import Profile
from latency_models.cost_limit import COST_NAMES
from nas.evaluations import TargetEvaluations
from nas.events import FrontPoint, MeasurementEvent
from nas.execution.executor import LOCAL
from nas.result import ModelOutcome
from nas.search.candidate import Candidate, front, point
from nas.search.finalists import by_latency, nominated
from nas.search.study_events import replay
from nas.stages.finalist import Finalist, TrainedFinalist, trained_front, trained_points, with_files
from nas.stages.package import Delivered, limit_outcomes, package
from nas.stages.quantize import retrained
from nas.stages.search_ahead import search_ahead
from nas.stages.search_report import evaluations, search_cost, trust_score
from nas.stages.search_subnets import search_problem, search_subnets
from nas.stages.source_rows import source_within
from nas.stages.target_run import TargetRun
from nas.stages.tournament import play, play_together, remember, remembered
from nas.stages.train_ahead import retrain_ahead
from nas.stages.verify import FileLatency, measure_candidates, measure_file
from nas.stages.worker_events import without_repeats
from nas.stages.workers import workers
from nas.target_plan import TargetPlan
from nas.work import VALIDATION
from search_spaces.network import Network
from search_spaces.space import Architecture


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one target.

    Attributes:
        candidates: all evaluated architectures.
        evaluations: the same with choices, costs and times.
        estimates: the front of the supernet's estimates; empty without a supernet.
        trained: the front of the trained networks.
        finalists: all networks that were trained, the exported one first.
    """

    candidates: Sequence[FrontPoint]
    evaluations: TargetEvaluations
    estimates: tuple[FrontPoint, ...]
    trained: tuple[FrontPoint, ...]
    finalists: tuple[TrainedFinalist, ...]
    model: ModelOutcome


def deliver_all(runs: Sequence[TargetRun], folder: Path) -> dict[str, Outcome]:
    """The outcomes of a job's targets by their ids: one after the other; workers search and train for all of them.

    Raises what the stages raise.
    """
    context = runs[0].context
    if workers(context, runs[0].job).name == LOCAL:
        return {run.id: deliver(run, folder) for run in runs}
    searched = [_searched(run) for run in search_ahead(runs)]
    finalists = [_finalists(run, found) for run, found in zip(runs, searched, strict=True)]
    ranked = play_together(list(zip(runs, finalists, strict=True)))
    winners = [(run, best[0].finalist.network, best[0].weights) for run, best in zip(runs, ranked, strict=True)]
    if retrain_ahead(winners):
        context = without_repeats(context, "fine_tuning")
    runs = [replace(run, context=context) for run in runs]
    return {
        run.id: _delivered(run, found, best, folder) for run, found, best in zip(runs, searched, ranked, strict=True)
    }


def deliver(run: TargetRun, folder: Path) -> Outcome:
    """The outcome of one target; its exported model is in a folder of its own below. Raises what the stages raise."""
    found = _searched(run)
    return _delivered(run, found, play(run, _finalists(run, found)), folder)


def _searched(run: TargetRun) -> list[Candidate]:
    """The candidates of a target's search; none without a supernet."""
    return [] if run.supernet is None else search_subnets(run)


def _delivered(run: TargetRun, found: Sequence[Candidate], ranked: Sequence[TrainedFinalist], folder: Path) -> Outcome:
    """The outcome of one target whose finalists are trained, the best first."""
    context, target_plan, evaluated = run.context, run.target_plan, found
    winner, exceeded, others = _winner(run, ranked)
    everything = [winner.trained, *exceeded, *others]
    remember(run, everything)
    within_budget = [
        winner.trained,
        *(f for f in others if f.finalist.budgeted_ms(target_plan) <= target_plan.budget_ms),
    ]
    if run.supernet is None:
        found = [_candidate(one) for one in everything]
        replay(search_problem(run), found, context.on_event)
    context.on_event(trained_front(target_plan, within_budget))
    _warn_if_exceeded(run, winner, _advice(target_plan))
    return Outcome(
        candidates=tuple(point(c, run.job.spec.metric) for c in found),
        evaluations=evaluations(run, everything, found),
        estimates=() if run.supernet is None else tuple(point(c, run.job.spec.metric) for c in front(found)),
        trained=trained_points(target_plan, within_budget),
        finalists=tuple(everything),
        model=package(
            run,
            winner,
            folder / target_folder(run.id),
            cost=search_cost(run, winner.trained.finalist.network, evaluated),
            trust=trust_score(run, everything, evaluated),
        ),
    )


def _candidate(trained: TrainedFinalist) -> Candidate:
    """A trained network as a candidate, where there is no supernet."""
    finalist = trained.finalist
    return Candidate(finalist.architecture, trained.files.validation.value, finalist.prediction.latency_ms)


def deliver_selected(run: TargetRun, architecture: Architecture, folder: Path) -> ModelOutcome:
    """The exported model of an architecture of the target's part of the space, whether it meets the budget or not.

    One that the search has trained is cached; another is trained like the winner of a tournament.
    """
    (finalist,) = measured_finalists(run, [architecture])
    trained = remembered(run, finalist)
    if trained is None:
        (best,) = play(run, [finalist])
        trained = with_files(best, retrained(run, finalist.network, best.weights))
    delivered = measured_file(run, trained)
    _warn_if_exceeded(run, delivered, "It was selected, so it is exported nevertheless.")
    _warn_of_limits(run, finalist.network)
    return package(run, delivered, folder)


def _finalists(run: TargetRun, found: Sequence[Candidate]) -> list[Finalist]:
    """Networks to train, those that meet the budget when measured; the one that exceeds it least where none does."""
    job, target_plan, count = run.job, run.target_plan, run.job.work.finalists
    if found:
        images = min(job.data.images["val"], VALIDATION)
        first, *others = [c.architecture for c in nominated(found, count, images)]
        selected = list(dict.fromkeys((first, *source_within(run), *others)))[: 2 * count]
    else:
        selected = by_latency(target_plan.region, target_plan.space, count, job.spec.seed)
    finalists = measured_finalists(run, selected)
    within_budget = [f for f in finalists if f.budgeted_ms(target_plan) <= target_plan.budget_ms]
    if len(within_budget) < len(finalists):
        run.context.info(
            f"{len(finalists) - len(within_budget)} of the {len(finalists)} most promising networks exceeded the budget when "
            f"{target_plan.info.kind} on {run.id}; they are left out."
        )
    return within_budget[:count] or [min(finalists, key=lambda f: f.budgeted_ms(target_plan))]


def measured_finalists(run: TargetRun, architectures: Sequence[Architecture]) -> list[Finalist]:
    """Architectures with the latency of their networks; emits an event for each measured one."""
    networks = [run.job.space.network(one) for one in architectures]
    profiles = {p.network.id: p for p in measure_candidates(run, networks)}
    finalists = []
    for architecture, network in zip(architectures, networks, strict=True):
        profile = profiles.get(network.id)
        if profile is not None:
            run.context.on_event(_measurement(run.target_plan, architecture, "candidate", profile))
        finalists.append(Finalist(architecture, network, run.target_plan.table.predict(network), profile))
    return finalists


def _measurement(
    target_plan: TargetPlan, architecture: Architecture, of: Literal["candidate", "file"], taken: Profile | FileLatency
) -> MeasurementEvent:
    return MeasurementEvent(
        target=target_plan.info.id,
        architecture_id=architecture.id,
        of=of,
        kind=target_plan.info.kind,
        latency_ms=taken.latency_ms,
        p50_ms=taken.p50_ms,
        p95_ms=taken.p95_ms,
        noise=taken.noise,
    )


def _winner(
    run: TargetRun, ranked: Sequence[TrainedFinalist]
) -> tuple[Delivered, list[TrainedFinalist], list[TrainedFinalist]]:
    """The best whose file meets the budget when measured, or the one that exceeds it least; those whose files exceeded it; and the
    others, the best first.
    """
    target_plan = run.target_plan
    exceeded: list[Delivered] = []
    for number, one in enumerate(ranked):
        files = retrained(run, one.finalist.network, one.weights)
        delivered = measured_file(run, with_files(one, files))
        if delivered.budgeted_ms(target_plan) <= target_plan.budget_ms:
            return delivered, [d.trained for d in exceeded], list(ranked[number + 1 :])
        run.context.info(
            f"A final model took {delivered.budgeted_ms(target_plan):.4g} ms and exceeds the budget; the next is tried."
        )
        exceeded.append(delivered)
    best = min(exceeded, key=lambda d: d.budgeted_ms(target_plan))
    return best, [d.trained for d in exceeded if d is not best], []


def measured_file(run: TargetRun, trained: TrainedFinalist) -> Delivered:
    """A trained network with the latency of its INT8 file; emits an event where it is measured."""
    latency = measure_file(run, trained.files.int8)
    if latency is not None:
        run.context.on_event(_measurement(run.target_plan, trained.finalist.architecture, "file", latency))
    return Delivered(trained, latency)


def _warn_if_exceeded(run: TargetRun, delivered: Delivered, advice: str) -> None:
    target_plan, took = run.target_plan, delivered.budgeted_ms(run.target_plan)
    if took > target_plan.budget_ms:
        run.context.warn(
            f"The budget of {target_plan.budget_ms:g} ms on {run.id} is exceeded: the model took {took:.4g} ms "
            f"when {target_plan.info.kind}. {advice}",
            target=run.id,
        )
    elif delivered.latency is not None and delivered.latency.p50_ms > target_plan.budget_ms:
        run.context.warn(
            f"The budget of {target_plan.budget_ms:g} ms on {run.id} is met on a quiet machine only: the median run took "
            f"{delivered.latency.p50_ms:.4g} ms while it was measured. Run again when the machine is idle, or compare the "
            "budget with the median: --budget-on p50.",
            target=run.id,
        )


def _warn_of_limits(run: TargetRun, network: Network) -> None:
    """Says which limits a selected network exceeds; those that a search selects meet all."""
    for limit in limit_outcomes(run.target_plan, network):
        if not limit.met:
            run.context.warn(
                f"The limit {limit.cost}={limit.most} is exceeded: the model has {limit.value:,} {COST_NAMES[limit.cost]}. "
                "It was selected, so it is exported nevertheless.",
                target=run.id,
            )


def _advice(target_plan: TargetPlan) -> str:
    if target_plan.info.kind == "simulated":
        return "Give a slightly higher budget."
    return "Is the machine busy? Give a slightly higher budget, or run again when it is idle."


def target_folder(target: str) -> str:
    """The name of a target's folder in a run."""
    return "".join(c if c.isalnum() else "-" for c in target)
