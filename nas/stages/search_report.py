"""From the stages of one target to its evaluations, what its search cost, and how far its scores can be trusted.

Not here: the statistics (`nas/search/trust.py`).
"""

from collections.abc import Sequence

from nas.core_seconds import sum_known
from nas.evaluations import Evaluation, TargetEvaluations
from nas.search.candidate import OPTIONAL, Candidate
from nas.search.trust import trust
from nas.search_report import ComparedNetwork, SearchCost, TrustScore
from nas.stages.finalist import TrainedFinalist, point
from nas.stages.target_run import TargetRun
from search_spaces.cost import macs, params, peak_memory_bytes, weight_bytes
from search_spaces.network import Network


def search_cost(run: TargetRun, exported: Network, found: Sequence[Candidate]) -> SearchCost:
    """What the search of one target cost, stages that were cached included; `found` has each evaluated architecture once."""
    own, parts = list[float | None](), dict[str, list[float | None]]()
    for one in run.context.costs.values():
        if one.target not in (None, run.id):
            continue
        if one.phase == "fine_tuning" and one.network == exported.id:
            own.append(one.core_seconds)
        else:
            parts.setdefault(one.phase, []).append(one.core_seconds)
    sums = {phase: _rounded(sum_known(spent)) for phase, spent in parts.items()}
    total, training = sum_known(sums.values()), sum_known(own)
    images = [one.images for one in found]
    return SearchCost(
        evaluations=len(found),
        images=None if None in images else sum(count for count in images if count is not None),
        core_seconds=_rounded(total),
        parts=sums,
        training_core_seconds=_rounded(training),
        trainings=round(total / training, 3) if total is not None and training else None,
    )


def trust_score(run: TargetRun, trained: Sequence[TrainedFinalist], found: Sequence[Candidate]) -> TrustScore:
    """Compares the finalists' scores before training with what they reached in the first round, in which all train on as many images."""
    if run.supernet is None:
        return TrustScore(
            verdict="no scores", note="There was no supernet, so no network had a score before it was trained."
        )
    scores = {one.architecture: one.value for one in found}
    return trust(
        [
            ComparedNetwork(
                architecture_id=one.finalist.architecture.id,
                score=scores[one.finalist.architecture],
                macs=macs(one.finalist.network),
                reached=one.first_value,
            )
            for one in sorted(trained, key=lambda one: one.finalist.architecture.id)
            if one.finalist.architecture in scores and one.first_value is not None
        ],
        seed=run.job.spec.seed,
    )


def evaluations(run: TargetRun, trained: Sequence[TrainedFinalist], found: Sequence[Candidate]) -> TargetEvaluations:
    """Every evaluation of a target's search with its costs; `found` has each evaluated architecture once."""
    job, target_plan = run.job, run.target_plan
    return TargetEvaluations(
        target=run.id,
        space=target_plan.space.name,
        metric=job.spec.metric,
        searcher=job.spec.searcher,
        seed=job.spec.seed,
        budget_ms=target_plan.budget_ms,
        limit_ms=target_plan.limit_ms,
        supernet=run.supernet is not None,
        options={choice.name: choice.values for choice in target_plan.space.choices},
        evaluations=tuple(_evaluation(target_plan.space.network(one.architecture), one) for one in found),
        finalists=tuple(point(target_plan, one) for one in sorted(trained, key=lambda one: one.rank)),
    )


def _evaluation(network: Network, candidate: Candidate) -> Evaluation:
    return Evaluation(
        architecture_id=candidate.architecture.id,
        choices=dict(candidate.architecture.values),
        value=candidate.value,
        latency_ms=candidate.latency_ms,
        macs=macs(network),
        params=params(network),
        weight_bytes=weight_bytes(network),
        peak_memory_bytes=peak_memory_bytes(network),
        **{name: getattr(candidate, name) for name in OPTIONAL},
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
