"""The stage that finds the one network that serves all targets of a job best, for users who prefer one network to one for each device.

The choice is by regret (Savage 1951): the metric of the network that a target got for itself, less that of this network there. The
network with the least regret on the target where it is worst is taken, among those that keep every budget. Compared are the trained
networks of all targets, and one challenger that is trained for this: where no trained network keeps all budgets, or where the
supernet prefers another that does. Regrets are of INT8 on the validation set; the test set is used for the report alone.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from nas.result import CommonOutcome, CommonTarget
from nas.stages.deliver import Outcome, measured_file, measured_finalists
from nas.stages.finalist import Finalist, TrainedFinalist
from nas.stages.package import Delivered
from nas.stages.quantize import quantized, retrained, tested
from nas.stages.target_run import TargetRun
from nas.stages.tournament import play, remember
from search_spaces.cost import macs
from search_spaces.space import Architecture

DRAWN: Final = 512
"""Architectures of each target's region among which a challenger is looked for, where the searches evaluated none."""


@dataclass(frozen=True, slots=True)
class _Everywhere:
    """A trained network on every target, in their order."""

    trained: TrainedFinalist
    finalists: tuple[Finalist, ...]


def serve_all(runs: Sequence[TargetRun], outcomes: Sequence[Outcome]) -> CommonOutcome | None:
    """The network, or None where none was found that keeps every budget; that is said in the log.

    Its files are remembered for every target, so that exporting it needs no further training.

    Args:
        runs: of the job's targets, two or more.
        outcomes: theirs, in the same order.

    Raises:
        Cancelled: the caller requested a stop; everything trained is kept.
    """
    context = runs[0].context
    trained = _trained(outcomes)
    networks = _keeping(runs, list(trained.values()))
    challenger = _challenger(runs, outcomes, trained, [one.trained.finalist.architecture for one in networks])
    if challenger is not None:
        (finalist,) = measured_finalists(runs[0], [challenger])
        networks += _keeping(runs, play(runs[0], [finalist]))
    values = [outcome.finalists[0].files.validation.value for outcome in outcomes]
    for one in sorted(networks, key=lambda one: _order(runs, values, one)):
        delivered = _delivered(runs, one)
        if delivered is not None:
            for run, outcome, file in zip(runs, outcomes, delivered, strict=True):
                remember(run, [*outcome.finalists, file.trained])
            return _report(runs, values, delivered, compared=len(networks))
    context.info("No network was found that keeps the budgets of all targets; each has one of its own.")
    return None


def _trained(outcomes: Sequence[Outcome]) -> dict[Architecture, TrainedFinalist]:
    """Every network that was trained for any target; one that was trained for several, as it was trained the longest."""
    found: dict[Architecture, TrainedFinalist] = {}
    for one in (one for outcome in outcomes for one in outcome.finalists):
        before = found.get(one.finalist.architecture)
        if before is None or one.images > before.images:
            found[one.finalist.architecture] = one
    return found


def _keeping(runs: Sequence[TargetRun], trained: Sequence[TrainedFinalist]) -> list[_Everywhere]:
    """Those of the networks that every target runs within its budget: predicted, then measured."""
    likely = [one for one in trained if _within_limits(runs, one.finalist.architecture)]
    columns = [measured_finalists(run, [one.finalist.architecture for one in likely]) for run in runs] if likely else []
    return [
        _Everywhere(one, finalists)
        for one, finalists in zip(likely, zip(*columns, strict=True), strict=True)
        if all(f.budgeted_ms(r.target_plan) <= r.target_plan.budget_ms for r, f in zip(runs, finalists, strict=True))
    ]


def _within_limits(runs: Sequence[TargetRun], architecture: Architecture) -> bool:
    """Whether every target runs it, and is predicted to meet all limits there."""
    return all(
        run.runs(architecture) and run.target_plan.region.meet(run.target_plan.region.encode([architecture])).all()
        for run in runs
    )


def _challenger(
    runs: Sequence[TargetRun],
    outcomes: Sequence[Outcome],
    trained: Container[Architecture],
    keeping: Sequence[Architecture],
) -> Architecture | None:
    """The network to train besides: the best estimate within all limits, unless a trained network that keeps them has the best; where
    no target's search evaluated one and none is trained, the largest of some that are drawn."""
    job = runs[0].job
    estimates: dict[Architecture, float] = {}
    for estimate in (one for outcome in outcomes for one in outcome.candidates):
        architecture = job.space.parse(estimate.architecture)
        estimates[architecture] = max(estimates.get(architecture, 0.0), estimate.metric.value)
    for architecture in sorted(estimates, key=lambda one: (-estimates[one], one.id)):
        if architecture in keeping:
            return None
        if architecture not in trained and _within_limits(runs, architecture):
            return architecture
    return None if keeping else _drawn(runs)


def _drawn(runs: Sequence[TargetRun]) -> Architecture | None:
    """Of uniform architectures of the targets' regions, the one within all limits that has the most multiply-accumulates."""
    found: list[Architecture] = []
    for run in runs:
        region = run.target_plan.region
        codes = region.draw(*region.range_ms, DRAWN, np.random.default_rng([run.job.spec.seed, DRAWN]))
        found += region.latency.lattice.decode(region.canonical(codes)) if len(codes) else []
    within = [one for one in dict.fromkeys(found) if _within_limits(runs, one)]
    return max(within, key=lambda one: (macs(runs[0].job.space.network(one)), one.id), default=None)


def _order(runs: Sequence[TargetRun], values: Sequence[float], one: _Everywhere) -> tuple[float, float]:
    """Sort key: the least worst-case regret first; of equals, the faster compared with the budgets."""
    files = [quantized(run, one.trained.finalist.network, one.trained.weights) for run in runs]
    regrets = [value - file.validation.value for value, file in zip(values, files, strict=True)]
    shares = [f.latency_ms / r.target_plan.budget_ms for r, f in zip(runs, one.finalists, strict=True)]
    return max(regrets), sum(shares)


def _delivered(runs: Sequence[TargetRun], one: _Everywhere) -> list[Delivered] | None:
    """Its files on every target; None where one of them exceeds its budget when measured."""
    found = []
    for run, finalist in zip(runs, one.finalists, strict=True):
        files = retrained(run, finalist.network, one.trained.weights)
        trained = TrainedFinalist(finalist, one.trained.weights, files, one.trained.images)
        delivered = measured_file(run, trained)
        if delivered.budgeted_ms(run.target_plan) > run.target_plan.budget_ms:
            return None
        found.append(delivered)
    return found


def _report(
    runs: Sequence[TargetRun], values: Sequence[float], delivered: Sequence[Delivered], *, compared: int
) -> CommonOutcome:
    targets: dict[str, CommonTarget] = {}
    for run, value, one in zip(runs, values, delivered, strict=True):
        finalist, files = one.trained.finalist, one.trained.files
        int8, _ = tested(run.context, run.job, finalist.network, files)
        targets[run.id] = CommonTarget(
            metric=int8.reported,
            latency_ms=finalist.latency_ms if one.latency is None else one.latency.latency_ms,
            kind=finalist.kind(run.target_plan),
            regret=value - files.validation.value,
        )
    architecture = delivered[0].trained.finalist.architecture
    return CommonOutcome(
        architecture=str(architecture), architecture_id=architecture.id, targets=targets, compared=compared
    )
