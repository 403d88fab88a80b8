"""`hwnas batch BATCH.yaml`: searches for every data set, space, target, budget and seed of a file, and their report."""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.answer import Answer, ExecutorName, Json, Out, Quiet, StoreFolder
from nas.cli.search import LONG_S, Yes, ask, reject_executor

if TYPE_CHECKING:
    from rich.text import Text

    from nas.batch.result import BatchPlan
    from nas.batch.spec import BatchSpec

ELSEWHERE: "ContextVar[Callable[[BatchSpec, Path, bool, bool], Answer] | None]" = ContextVar("elsewhere", default=None)
"""Runs a batch (its spec, the folder of runs, whether to be quiet, whether only to price it) in place of this process."""


def batch(
    spec: Annotated[
        str,
        typer.Argument(
            help="YAML file of a batch spec: data, spaces, targets, budgets, seeds, search, …", metavar="BATCH.yaml"
        ),
    ],
    plan: Annotated[bool, typer.Option("--plan", help="Count and price the cells only; run nothing.")] = False,
    executor: ExecutorName = None,
    out: Out = "runs",
    store: StoreFolder = None,
    yes: Yes = False,
    quiet: Quiet = False,
    json: Json = False,
) -> Answer:
    """Run a batch of searches: all combinations of data, spaces, targets, budgets and seeds. What cells share is computed once.

    Cells succeed or fail on their own. The same command continues an interrupted batch; of an extended file it runs the new cells.
    """
    from nas.batch.plan import plan_batch
    from nas.batch.spec import BatchSpec
    from nas.cli.batch_report import plan_text, render_plan
    from nas.execution.executor import check_executor

    given = BatchSpec.from_yaml(Path(spec))
    elsewhere = ELSEWHERE.get()
    if elsewhere is not None:
        reject_executor(executor)
        return elsewhere(given, Path(out), quiet, plan)
    check_executor(executor)
    if plan:
        priced = plan_batch(given, out=Path(out), store=store or None)
        document = {**priced.model_dump(mode="json"), "total_s": round(priced.total_s, 1)}
        return Answer(document, lambda console: render_plan(console, priced))
    if not quiet:
        priced = plan_batch(given, out=Path(out), store=store or None)
        _confirm(priced, plan_text(priced), asks=not (yes or json))
    return _run(given, executor, out=out, store=store, quiet=quiet)


def _confirm(plan: "BatchPlan", text: "Text", *, asks: bool) -> None:
    """Displays the price of a batch, and asks before a long one, where somebody is there to answer."""
    from nas.cli.progress import watch

    with watch() as progress:
        progress.show(text)
    if asks and plan.total_s > LONG_S and sys.stdin.isatty() and sys.stderr.isatty():
        ask("Give fewer cells, or less effort or fewer minutes below `search`.")


def _run(spec: "BatchSpec", executor: str | None, *, out: str, store: str | None, quiet: bool) -> Answer:
    from nas.batch.report import FILES
    from nas.batch.run import run_batch
    from nas.cli.batch_progress import BatchProgress
    from nas.cli.batch_report import render_batch
    from nas.cli.guard import ended_politely
    from nas.cli.progress import watch
    from nas.execution.executor import open_executor

    with ended_politely(), open_executor(executor) as workers, watch(quiet=quiet) as progress:
        display = BatchProgress(progress, spec, alone=workers.workers == 1)
        result = run_batch(spec, out=Path(out), store=store or None, on_event=display, executor=workers)
    files = [str(Path(out) / spec.name / name) for name in FILES]
    document = {**result.model_dump(mode="json"), "files": files}
    return Answer(document, lambda console: render_batch(console, result, files))
