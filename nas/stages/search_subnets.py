"""The stage that searches: evaluates subnets of the trained supernet within one target's limit, as an Optuna study."""

import json

from nas.job import Job
from nas.search import study
from nas.search.candidate import Candidate, distinct, read_line, write_line
from nas.search.problem import SearchProblem
from nas.search.searchers.registry import searcher
from nas.search.study_events import front_event, replay
from nas.search.study_journal import read_lines
from nas.stages.context import StageOutput
from nas.stages.evaluate_subnets import CALIBRATION_WORK, RememberedEvaluations
from nas.stages.propose import proposals
from nas.stages.target_run import TargetRun
from nas.store import StageKey
from nas.target_plan import TargetPlan
from nas.work import CALIBRATION, VALIDATION
from search_spaces.space import Architecture

VERSION = 7


def search_subnets(run: TargetRun) -> list[Candidate]:
    """The architectures evaluated for one target, cached or searched now. A killed search resumes to the same result.

    An event is emitted for each of them, also for cached ones.

    Raises:
        Cancelled: the caller requested a stop; every complete evaluation is kept.
    """
    context, job, target_plan, supernet = run.context, run.job, run.target_plan, run.supernet
    assert supernet is not None
    key = search_key(run)
    problem = search_problem(run, proposals(run))
    emitted = False

    def compute() -> StageOutput:
        nonlocal emitted
        emitted = True
        journal = context.store.journal(key)
        evaluate = RememberedEvaluations(context, job, supernet, target_plan.scheme)
        own = {target_plan.space.architecture(line["values"]).id for line in read_lines(journal)}
        found = study.run(problem, evaluate, journal, on_event=context.on_event, cancelled=context.cancelled)
        lines = [write_line(one) for one in found]
        reused = evaluate.reused_core_seconds({one.architecture.id for one in found} - own)
        return StageOutput({"candidates": json.dumps(lines).encode()}, reused_core_seconds=reused)

    record = context.run("searching", key, compute, target=run.id)
    evaluated = [
        read_line(target_plan.space, line) for line in json.loads(context.store.get(record.outputs["candidates"]))
    ]
    if not emitted:
        replay(problem, evaluated, context.on_event)
    found = distinct(evaluated)
    context.on_event(front_event(problem, found))
    return found


def search_key(run: TargetRun) -> StageKey:
    """What the result of a search depends on, the searcher and its version among it.

    Raises:
        UnknownSearcher: the spec's searcher is not installed.
    """
    job, target_plan, supernet = run.job, run.target_plan, run.supernet
    assert supernet is not None
    return StageKey(
        "search",
        VERSION,
        {
            "supernet": supernet.hash,
            "table": target_plan.table_hash,
            "data": job.data.content_hash,
            "scheme": target_plan.scheme.name,
            "limit_ms": target_plan.limit_ms,
            "evaluations": job.work.evaluations,
            "seed": job.spec.seed,
            "metric": job.spec.metric,
            "searcher": [job.spec.searcher, searcher(job.spec.searcher).version],
            **job.compute.inputs,
            **({} if job.spec.objective == "front" else {"objective": job.spec.objective}),
            **({} if job.spec.at_once == 1 else {"at_once": job.spec.at_once}),
            **({"limits": {limit.cost: limit.most for limit in target_plan.limits}} if target_plan.limits else {}),
            **({} if run.adapted is None else {"adapted": run.adapted.supernet.hash}),
        },
    )


def search_problem(run: TargetRun, first: tuple[Architecture, ...] = ()) -> SearchProblem:
    """The search problem of one target, with the architectures to evaluate first."""
    job, target_plan = run.job, run.target_plan
    return SearchProblem(
        target_plan.space,
        target_plan.region,
        target_plan.info.id,
        target_plan.budget_ms,
        _evaluation_count(job, target_plan),
        job.spec.seed,
        job.spec.metric,
        target_plan.limit_ms,
        target_plan.table.accuracy_report.mape,
        first,
        job.spec.searcher,
        job.spec.objective,
        min(job.data.images["val"], VALIDATION),
        CALIBRATION_WORK * min(job.data.images["train"], CALIBRATION),
        target_plan.within_limit,
        job.spec.at_once,
    )


def _evaluation_count(job: Job, target_plan: TargetPlan) -> int:
    """No more than there are architectures within the limit."""
    return max(1, min(job.work.evaluations, target_plan.within_limit))
