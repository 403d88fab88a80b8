"""From a trained supernet (or none) to one target's bundle: find finalists, let them compete, measure the winner, deliver it.

`finish` takes what the tournament finds best; `finish_chosen` an architecture that somebody chose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hw_targets.target import Target
from nas.events import FrontPoint, MeasurementEvent
from nas.result import ModelOutcome
from nas.search.finalists import by_latency, nominated
from nas.search.region import LimitedRegion
from nas.search.study import Candidate, front, point, tell_again
from nas.stages.budget import Goal
from nas.stages.context import Context
from nas.stages.explore import explore, question_of
from nas.stages.hand_over import Delivered, hand_over
from nas.stages.quantize import retrained
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
from nas.stages.train import Supernet
from nas.stages.verify import measure_candidates, measure_file
from nas.work import VALIDATION
from search_spaces.space import Architecture

if TYPE_CHECKING:
    from nas.pipeline import Job


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


def finish(context: Context, job: "Job", goal: Goal, target: Target, supernet: Supernet | None, run: Path) -> Outcome:
    """What was found for one target, and its delivered model. Raises what the stages raise."""
    found = [] if supernet is None else explore(context, job, goal, supernet)
    finalists = _finalists(context, job, goal, target, found)
    played = play(context, job, goal, finalists, supernet)
    winner, missed, others = _winner(context, job, goal, target, played)
    everything = [winner.finished, *missed, *others]
    remember(context, job, goal, everything)
    keeping = [winner.finished, *(f for f in others if f.finalist.held_ms(goal) <= goal.budget_ms)]
    if supernet is None:
        found = [
            Candidate(f.finalist.architecture, f.files.validation.value, f.finalist.predicted_ms) for f in everything
        ]
        tell_again(question_of(job, goal), found, context.on_event)
    context.on_event(finished_front(goal, keeping))
    _warn_if_missed(context, goal, winner, _advice(goal))
    return Outcome(
        candidates=tuple(map(point, found)),
        estimates=() if supernet is None else tuple(map(point, front(found))),
        finished=finished_points(goal, keeping),
        model=hand_over(context, job, goal, winner, supernet, run / folder_of(goal.info.id)),
    )


def finish_chosen(
    context: Context,
    job: "Job",
    goal: Goal,
    target: Target,
    supernet: Supernet | None,
    architecture: Architecture,
    folder: Path,
) -> ModelOutcome:
    """The delivered model of an architecture of the target's part of the space, whether it keeps the budget or not.

    One that the search has finished is found in the store; another is trained as the winner of a tournament is.
    """
    (finalist,) = _measured(context, job, goal, target, [architecture])
    finished = remembered(context, job, goal, finalist)
    if finished is None:
        (trained,) = play(context, job, goal, [finalist], supernet)
        finished = with_files(trained, retrained(context, job, goal, finalist.network, trained.weights))
    delivered = _measured_file(context, goal, target, finished)
    _warn_if_missed(context, goal, delivered, "It was chosen, so it is delivered all the same.")
    return hand_over(context, job, goal, delivered, supernet, folder)


def _finalists(context: Context, job: "Job", goal: Goal, target: Target, found: Sequence[Candidate]) -> list[Finalist]:
    """Networks to train, those that keep the budget when measured; the one that misses it least where none does."""
    count = job.work.finalists
    if found:
        images = min(job.data.images["val"], VALIDATION)
        chosen = [c.architecture for c in nominated(found, count, images)]
    else:
        region = LimitedRegion(goal.latency, goal.limit_ms)
        chosen = by_latency(region, goal.space, count, job.spec.seed)
    finalists = _measured(context, job, goal, target, chosen)
    keeping = [f for f in finalists if f.held_ms(goal) <= goal.budget_ms]
    if len(keeping) < len(finalists):
        context.info(
            f"{len(finalists) - len(keeping)} of the {len(finalists)} most promising networks missed the budget when {goal.info.kind} "
            f"on {goal.info.id}; they are left out."
        )
    return keeping[:count] or [min(finalists, key=lambda f: f.held_ms(goal))]


def _measured(
    context: Context, job: "Job", goal: Goal, target: Target, architectures: Sequence[Architecture]
) -> list[Finalist]:
    """Architectures with the latency of their networks; tells of each that the target measures."""
    networks = [job.space.network(one) for one in architectures]
    profiles = {p.network.id: p for p in measure_candidates(context, target, goal, networks)}
    finalists = []
    for architecture, network in zip(architectures, networks, strict=True):
        profile = profiles.get(network.id)
        if profile is not None:
            taken = {name: getattr(profile, name) for name in ("latency_ms", "p50_ms", "p95_ms", "noise")}
            context.on_event(_measurement(goal, architecture, "candidate", taken))
        finalists.append(Finalist(architecture, network, profile, goal.table.predict(network).latency_ms))
    return finalists


def _measurement(
    goal: Goal, architecture: Architecture, of: Literal["candidate", "file"], taken: Mapping[str, Any]
) -> MeasurementEvent:
    return MeasurementEvent(
        target=goal.info.id,
        architecture_id=architecture.id,
        of=of,
        kind=goal.info.kind,
        latency_ms=taken["latency_ms"],
        p50_ms=taken["p50_ms"],
        p95_ms=taken["p95_ms"],
        noise=taken["noise"],
    )


def _winner(
    context: Context, job: "Job", goal: Goal, target: Target, played: Sequence[Finished]
) -> tuple[Delivered, list[Finished], list[Finished]]:
    """The best whose file keeps the budget when measured, or the one that misses it least; those whose files missed it; and the
    others, the best first.
    """
    missed: list[Delivered] = []
    for number, one in enumerate(played):
        files = retrained(context, job, goal, one.finalist.network, one.weights)
        delivered = _measured_file(context, goal, target, with_files(one, files))
        if delivered.held_ms(goal) <= goal.budget_ms:
            return delivered, [d.finished for d in missed], list(played[number + 1 :])
        context.info(f"A finished model took {delivered.held_ms(goal):.4g} ms, beyond the budget; the next is taken.")
        missed.append(delivered)
    best = min(missed, key=lambda d: d.held_ms(goal))
    return best, [d.finished for d in missed if d is not best], []


def _measured_file(context: Context, goal: Goal, target: Target, finished: Finished) -> Delivered:
    digest = finished.files.int8
    latency = measure_file(context, target, goal, context.store.get(digest), digest)
    if latency is not None:
        context.on_event(_measurement(goal, finished.finalist.architecture, "file", latency))
    return Delivered(finished, latency)


def _warn_if_missed(context: Context, goal: Goal, delivered: Delivered, advice: str) -> None:
    took = delivered.held_ms(goal)
    if took > goal.budget_ms:
        context.warn(
            f"The budget of {goal.budget_ms:g} ms on {goal.info.id} is missed: the delivered model took {took:.4g} ms "
            f"when {goal.info.kind}. {advice}",
            target=goal.info.id,
        )
    elif delivered.latency is not None and delivered.latency["p50_ms"] > goal.budget_ms:
        context.warn(
            f"The budget of {goal.budget_ms:g} ms on {goal.info.id} is kept by a quiet machine only: the median run took "
            f"{delivered.latency['p50_ms']:.4g} ms while it was measured. Run again when the machine is idle, or hold the budget "
            "against the median: --budget-on p50.",
            target=goal.info.id,
        )


def _advice(goal: Goal) -> str:
    if goal.info.kind == "simulated":
        return "Ask for a little more."
    return "Is the machine busy? Ask for a little more, or run again when it is idle."


def folder_of(target: str) -> str:
    """The name of a target's folder in a run."""
    return "".join(c if c.isalnum() else "-" for c in target)
