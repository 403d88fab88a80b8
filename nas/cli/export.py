"""`hwnas export RUN ARCHITECTURE`: trains and exports another architecture that a search evaluated than the one it selected."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli.answer import Answer, ExecutorName, Json, Out, Quiet, StoreFolder
from nas.cli.search import reject_executor


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export: the run (or job), the architecture as it was named, and the target, if it was named."""

    run: str
    architecture: str
    target: str | None


ELSEWHERE: ContextVar[Callable[[ExportRequest, Path, bool], Answer] | None] = ContextVar(
    "export_elsewhere", default=None
)
"""Runs an export (the request, the folder of runs, whether to be quiet) in place of this process."""


def export(
    run: Annotated[
        str, typer.Argument(help="Name of the run, or its folder; with --server the id of the job.", metavar="RUN")
    ],
    architecture: Annotated[
        str,
        typer.Argument(
            help="Id of an architecture that the run evaluated, its beginning, or the architecture's whole string.",
            metavar="ARCHITECTURE",
        ),
    ],
    target: Annotated[
        str | None, typer.Option(help="One of the run's targets; not needed when it has but one.")
    ] = None,
    out: Out = "runs",
    store: StoreFolder = None,
    executor: ExecutorName = None,
    quiet: Quiet = False,
    json: Json = False,
) -> Answer:
    """Train and export another architecture of a run than the one that it selected: fine-tune, quantise, measure, export.

    The run's results are cached. A model that exceeds the budget is exported, too, with a warning.
    """
    elsewhere = ELSEWHERE.get()
    if elsewhere is not None:
        reject_executor(executor)
        return elsewhere(ExportRequest(run, architecture, target), Path(out), quiet)
    from nas import pipeline
    from nas.cli.guard import ended_politely
    from nas.cli.progress import watch
    from nas.cli.report import render_export
    from nas.execution.executor import open_executor
    from nas.runs import run_folder, select_architecture

    folder = run_folder(run, Path(out))
    spec, whole = select_architecture(folder, architecture)
    folders: dict[str, Any] = {"out": folder.parent, "store": store or None}
    with ended_politely(), open_executor(executor) as opened, watch(quiet=quiet) as progress:
        result = pipeline.export(spec, whole, target, on_event=progress, executor=opened, **folders)
    return Answer(result.model_dump(mode="json"), lambda console: render_export(console, result))
