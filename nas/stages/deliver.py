"""From a trained supernet (or none) to one target's bundle: find finalists, let them compete, measure the winner, deliver it.

`finish` takes what the tournament finds best; `finish_chosen` an architecture that somebody chose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hw_targets.target import Profile
from nas.events import FrontPoint, MeasurementEvent
from nas.result import ModelOutcome
from nas.search.finalists import by_latency, nominated
from nas.search.region import LimitedRegion
from nas.search.study import Candidate, front, point, tell_again
from nas.stages.explore import explore, question_of
from nas.stages.package import Delivered, package
from nas.stages.quantize import retrained
from nas.stages.target_run import TargetRun
from nas.stages.tournament import (
    Finalist,
    Finished,
    finished_front,
    finished_points,
    play,
    remember,
    remembered,
    with_files,
)
from nas.stages.verify import FileLatency, measure_candidates, measure_file
from nas.target_plan import Goal
from nas.work import VALIDATION
from search_spaces.space import Architecture


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one target.

    Attributes:
        candidates: everything that was evaluated.
        estimates: the front of what the supernet said; empty without one.
        finished: the front of networks that were trained.
    """

    candidates: Sequence[FrontPoint]
    estimates: tuple[FrontPoint, ...]
    finished: tuple[FrontPoint, ...]
    model: ModelOutcome


def finish(run: TargetRun, folder: Path) -> Outcome:
    """What was found for one target, and its delivered model, in a folder of its own below. Raises what the stages raise."""
    context, goal = run.context, run.goal
    found = [] if run.supernet is None else explore(run)
    played = play(run, _finalists(run, found))
    winner, missed, others = _winner(run, played)
    everything = [winner.finished, *missed, *others]
    remember(run, everything)
    keeping = [winner.finished, *(f for f in others if f.finalist.held_ms(goal) <= goal.budget_ms)]
    if run.supernet is None:
        found = [_candidate(one) for one in everything]
        tell_again(question_of(run.job, goal), found, context.on_event)
    context.on_event(finished_front(goal, keeping))
    _warn_if_missed(run, winner, _advice(goal))
    return Outcome(
        candidates=tuple(map(point, found)),
        estimates=() if run.supernet is None else tuple(map(point, front(found))),
        finished=finished_points(goal, keeping),
        model=package(run, winner, folder / folder_of(run.id)),
    )


def _candidate(finished: Finished) -> Candidate:
    """A trained network as what was evaluated, where no supernet was."""
    finalist = finished.finalist
    return Candidate(finalist.architecture, finished.files.validation.value, finalist.prediction.latency_ms)


def finish_chosen(run: TargetRun, architecture: Architecture, folder: Path) -> ModelOutcome:
    """The delivered model of an architecture of the target's part of the space, whether it keeps the budget or not.

    One that the search has finished is found in the store; another is trained as the winner of a tournament is.
    """
    (finalist,) = _measured(run, [architecture])
    finished = remembered(run, finalist)
    if finished is None:
        (trained,) = play(run, [finalist])
        finished = with_files(trained, retrained(run, finalist.network, trained.weights))
    delivered = _measured_file(run, finished)
    _warn_if_missed(run, delivered, "It was chosen, so it is delivered all the same.")
    return package(run, delivered, folder)


def _finalists(run: TargetRun, found: Sequence[Candidate]) -> list[Finalist]:
    """Networks to train, those that keep the budget when measured; the one that misses it least where none does."""
    job, goal, count = run.job, run.goal, run.job.work.finalists
    if found:
        images = min(job.data.images["val"], VALIDATION)
        chosen = [c.architecture for c in nominated(found, count, images)]
    else:
        region = LimitedRegion(goal.latency, goal.limit_ms)
        chosen = by_latency(region, goal.space, count, job.spec.seed)
    finalists = _measured(run, chosen)
    keeping = [f for f in finalists if f.held_ms(goal) <= goal.budget_ms]
    if len(keeping) < len(finalists):
        run.context.info(
            f"{len(finalists) - len(keeping)} of the {len(finalists)} most promising networks missed the budget when {goal.info.kind} "
            f"on {run.id}; they are left out."
        )
    return keeping[:count] or [min(finalists, key=lambda f: f.held_ms(goal))]


def _measured(run: TargetRun, architectures: Sequence[Architecture]) -> list[Finalist]:
    """Architectures with the latency of their networks; tells of each that the target measures."""
    networks = [run.job.space.network(one) for one in architectures]
    profiles = {p.network.id: p for p in measure_candidates(run, networks)}
    finalists = []
    for architecture, network in zip(architectures, networks, strict=True):
        profile = profiles.get(network.id)
        if profile is not None:
            run.context.on_event(_measurement(run.goal, architecture, "candidate", profile))
        finalists.append(Finalist(architecture, network, run.goal.table.predict(network), profile))
    return finalists


def _measurement(
    goal: Goal, architecture: Architecture, of: Literal["candidate", "file"], taken: Profile | FileLatency
) -> MeasurementEvent:
    return MeasurementEvent(
        target=goal.info.id,
        architecture_id=architecture.id,
        of=of,
        kind=goal.info.kind,
        latency_ms=taken.latency_ms,
        p50_ms=taken.p50_ms,
        p95_ms=taken.p95_ms,
        noise=taken.noise,
    )


def _winner(run: TargetRun, played: Sequence[Finished]) -> tuple[Delivered, list[Finished], list[Finished]]:
    """The best whose file keeps the budget when measured, or the one that misses it least; those whose files missed it; and the
    others, the best first.
    """
    goal = run.goal
    missed: list[Delivered] = []
    for number, one in enumerate(played):
        files = retrained(run, one.finalist.network, one.weights)
        delivered = _measured_file(run, with_files(one, files))
        if delivered.held_ms(goal) <= goal.budget_ms:
            return delivered, [d.finished for d in missed], list(played[number + 1 :])
        run.context.info(
            f"A finished model took {delivered.held_ms(goal):.4g} ms, beyond the budget; the next is taken."
        )
        missed.append(delivered)
    best = min(missed, key=lambda d: d.held_ms(goal))
    return best, [d.finished for d in missed if d is not best], []


def _measured_file(run: TargetRun, finished: Finished) -> Delivered:
    latency = measure_file(run, finished.files.int8)
    if latency is not None:
        run.context.on_event(_measurement(run.goal, finished.finalist.architecture, "file", latency))
    return Delivered(finished, latency)


def _warn_if_missed(run: TargetRun, delivered: Delivered, advice: str) -> None:
    goal, took = run.goal, delivered.held_ms(run.goal)
    if took > goal.budget_ms:
        run.context.warn(
            f"The budget of {goal.budget_ms:g} ms on {run.id} is missed: the delivered model took {took:.4g} ms "
            f"when {goal.info.kind}. {advice}",
            target=run.id,
        )
    elif delivered.latency is not None and delivered.latency.p50_ms > goal.budget_ms:
        run.context.warn(
            f"The budget of {goal.budget_ms:g} ms on {run.id} is kept by a quiet machine only: the median run took "
            f"{delivered.latency.p50_ms:.4g} ms while it was measured. Run again when the machine is idle, or hold the budget "
            "against the median: --budget-on p50.",
            target=run.id,
        )


def _advice(goal: Goal) -> str:
    if goal.info.kind == "simulated":
        return "Ask for a little more."
    return "Is the machine busy? Ask for a little more, or run again when it is idle."


def folder_of(target: str) -> str:
    """The name of a target's folder in a run."""
    return "".join(c if c.isalnum() else "-" for c in target)
