"""The stage that searches: evaluates subnets of the trained supernet within one target's limit, as an Optuna study."""

import json
from collections.abc import Callable
from typing import Any

from hw_targets.lock import computing
from hw_targets.scheme import Scheme
from nas.job import Job
from nas.search import study
from nas.search.region import LimitedRegion
from nas.search.study import Candidate, Question, distinct, front_event, tell_again
from nas.stages.context import Context, Made
from nas.stages.target_run import TargetRun
from nas.stages.train import Supernet, evaluator
from nas.store import StageKey
from nas.target_plan import Goal
from search_spaces.space import Architecture, SearchSpace

VERSION = 4


def explore(run: TargetRun) -> list[Candidate]:
    """The architectures evaluated for one target, from the store or searched now. A killed search goes the same way on.

    Whoever listens is told of every one of them, also of those from the store.

    Raises:
        Cancelled: the caller asked to stop; every finished evaluation is kept.
    """
    context, job, goal, supernet = run.context, run.job, run.goal, run.supernet
    assert supernet is not None
    key = StageKey(
        "search",
        VERSION,
        {
            "bank": supernet.hash,
            "table": goal.table_hash,
            "data": job.data.content_hash,
            "scheme": goal.scheme.name,
            "limit_ms": goal.limit_ms,
            "queries": job.work.queries,
            "seed": job.spec.seed,
            "metric": job.spec.metric,
            "threads": job.threads,
        },
    )

    question = question_of(job, goal)
    told = False

    def compute() -> Made:
        nonlocal told
        told = True
        found = study.run(
            question,
            _remembered(context, job, supernet, goal.scheme),
            context.store.journal(key),
            on_event=context.on_event,
            cancelled=context.cancelled,
        )
        return Made({"candidates": json.dumps([_line(c) for c in found]).encode()})

    record = context.run("searching", key, compute, target=run.id)
    evaluated = [_candidate(goal.space, line) for line in json.loads(context.store.get(record.outputs["candidates"]))]
    if not told:
        tell_again(question, evaluated, context.on_event)
    found = distinct(evaluated)
    context.on_event(front_event(question, found))
    return found


def question_of(job: Job, goal: Goal) -> Question:
    """What is searched for on one target."""
    return Question(
        goal.space,
        LimitedRegion(goal.latency, goal.limit_ms),
        goal.info.id,
        goal.budget_ms,
        _queries(job, goal),
        job.spec.seed,
        goal.limit_ms,
        goal.table.card.mape,
    )


def _queries(job: Job, goal: Goal) -> int:
    """No more than there are architectures within the limit."""
    return max(1, min(job.work.queries, goal.within_limit))


def _remembered(context: Context, job: Job, supernet: Supernet, scheme: Scheme) -> Callable[[Architecture], float]:
    """The metric of a subnet in INT8 on the validation part; what any target's search of that scheme evaluated is remembered."""
    inputs = {
        "bank": supernet.hash, "data": job.data.content_hash, "threads": job.threads, "scheme": scheme.name,
        "metric": job.spec.metric, "seed": job.spec.seed,
    }  # fmt: skip
    journal = context.store.journal(StageKey("evaluate", VERSION, inputs))
    judge = evaluator(context, job, supernet.bank, scheme)
    known: dict[str, float] = {line["id"]: line["accuracy"] for line in journal.read_all()}

    def accuracy(architecture: Architecture) -> float:
        if architecture.id not in known:
            with computing(impatient=context.cancelled):
                known[architecture.id] = judge(job.space.network(architecture)).value
            journal.append({"id": architecture.id, "accuracy": known[architecture.id]})
        return known[architecture.id]

    return accuracy


def _line(candidate: Candidate) -> dict[str, Any]:
    return {
        "values": dict(candidate.architecture.values),
        "accuracy": candidate.accuracy,
        "latency_ms": candidate.latency_ms,
    }


def _candidate(space: SearchSpace, line: dict[str, Any]) -> Candidate:
    return Candidate(space.architecture(line["values"]), line["accuracy"], line["latency_ms"])
