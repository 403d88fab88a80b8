"""`hwnas search`: from a data set and latency budgets to measured INT8 models."""

import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nas.cli.answer import Answer, ExecutorName, Json, Out, Quiet, StoreFolder, TrainingWorkers
from nas.objective import Objective
from nas.spec import AugmentName, BudgetOn, ClassWeights, Fit, Method, MetricName
from nas.work import EFFORT_S, Effort

if TYPE_CHECKING:
    from nas.spec import SearchSpec


EFFORT_HELP: Final = (
    "How long the whole job may take, on this machine: "
    + ", ".join(
        f"{effort} about {seconds / 60:g} minutes" if seconds < 3600 else f"{effort} about {seconds / 3600:g} hours"
        for effort, seconds in EFFORT_S.items()
    )
    + "."
)

LONG_S: Final = 3600.0
"""A search that is estimated to take longer asks first."""

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Start without asking, however long it takes.")]

ELSEWHERE: "ContextVar[Callable[[SearchSpec, Path, bool], Answer] | None]" = ContextVar("elsewhere", default=None)
"""Runs a search (its spec, the folder of runs, whether to be quiet) in place of this process."""

StartFrom = Annotated[
    str,
    typer.Option(
        "--from",
        help="Trained network to start from: efficientnet_lite0 or another that `hwnas spaces` lists, your own as an ONNX file or "
        "the folder of a delivered model (RUN/cpu), or none; auto starts from efficientnet_lite0 for photographs where its weights "
        "are installed.",
    ),
]
Teacher = Annotated[
    str | None,
    typer.Option(
        help="Trained network of the same classes whose outputs the finalists learn from: an ONNX file, or the folder of a delivered "
        "model; when absent, the network that the search starts from."
    ),
]
Searcher = Annotated[
    str,
    typer.Option(
        help="Searcher of the architectures to evaluate: hwnas, nsga2, regularised_evolution, local_search, random, Optuna's tpe or "
        "gp, or one of another package."
    ),
]

AtOnce = Annotated[
    int,
    typer.Option(
        min=1,
        max=64,
        help="Architectures to suggest before the first of them is evaluated, so that workers evaluate them at the same time.",
    ),
]

Limit = Annotated[
    list[str] | None,
    typer.Option(
        help="The most that each target's network may have of another cost: macs, params, weight_bytes (INT8 weights) or "
        "peak_memory_bytes (activations). COST=AMOUNT, with decimal units k, M, G: weight_bytes=300k, macs=50M. Repeatable."
    ),
]


def search(
    data: Annotated[str, typer.Option(help="`digits`, a folder of class folders, or an .npz file.")],
    target: Annotated[list[str], typer.Option(help="Target of the network, such as cpu or cpu:threads=2. Repeatable.")],
    latency_ms: Annotated[
        list[str],
        typer.Option(
            help="Budget in ms, or a point of the reachable range (40%). The k-th is for the k-th target; a single one is for all."
        ),
    ],
    space: Annotated[
        str,
        typer.Option(
            help="A known space, a .yaml file, a .py file (path.py:function), or an .onnx file, from which one is derived; auto is that "
            "of the trained network, else mobilenet."
        ),
    ] = "auto",
    start_from: StartFrom = "auto",
    method: Annotated[
        Method,
        typer.Option(
            help="From a trained network: prune cuts networks out of it, search trains a supernet from it first; auto decides by the "
            "time."
        ),
    ] = "auto",
    teacher: Teacher = None,
    effort: Annotated[Effort, typer.Option(help=EFFORT_HELP)] = "standard",
    minutes: Annotated[
        float | None, typer.Option(help="A limit on the whole job in minutes, in place of the effort's time.")
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(help="Largest input size in pixels; when absent, selected by the data and the time.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed and latency table give the same front.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Threads of training; all cores when absent.")] = None,
    device: Annotated[
        str,
        typer.Option(help="Where to train: cpu, cuda or cuda:N (an NVIDIA GPU), or auto, the GPU where there is one."),
    ] = "auto",
    fit: Annotated[
        Fit, typer.Option(help="How images become square: stretched, cropped, or with black bars.")
    ] = "stretch",
    augment: Annotated[AugmentName, typer.Option(help="Random changes of training images.")] = "auto",
    metric: Annotated[MetricName, typer.Option(help="Metric to compare networks by.")] = "accuracy",
    class_weights: Annotated[ClassWeights, typer.Option(help="Whether rare classes weigh more in training.")] = "auto",
    budget_on: Annotated[
        BudgetOn, typer.Option(help="Latency to compare with the budget: quiet, median or 95th percentile.")
    ] = "quiet",
    searcher: Searcher = "hwnas",
    objective: Annotated[
        Objective,
        typer.Option(
            help="What the search is after within the budget: the front of metric and latency, the best metric, or MnasNet's reward, "
            "the metric times (latency / limit)^-0.07."
        ),
    ] = "front",
    limit: Limit = None,
    at_once: AtOnce = 1,
    out: Out = "runs",
    store: StoreFolder = None,
    executor: ExecutorName = None,
    training_workers: TrainingWorkers = None,
    yes: Yes = False,
    quiet: Quiet = False,
    json: Json = False,
) -> Answer:
    """Find, train and measure the most accurate INT8 network that meets each target's latency budget.

    An interrupted search continues when the same command is run again.
    """
    fields: dict[str, Any] = {
        "data": data, "space": space, "start_from": start_from, "method": method, "teacher": teacher,
        "targets": budgets(target, latency_ms),
        "effort": effort, "minutes": minutes, "resolution": resolution, "seed": seed, "threads": threads, "device": device,
        "fit": fit, "augment": augment, "metric": metric, "class_weights": class_weights, "budget_on": budget_on,
        "searcher": searcher, "objective": objective, "limits": limits(limit or ()),
        "at_once": at_once,
    }  # fmt: skip
    workers = Workers(executor, training_workers)
    return execute(specify(fields), out=out, store=store, workers=workers, quiet=quiet, asks=not (yes or json))


def limits(given: Sequence[str]) -> dict[str, str]:
    """Limits by cost, of options such as `macs=50M`.

    Raises:
        InvalidSpec: one has no such form, or a cost is limited twice.
    """
    from nas.errors import InvalidSpec

    found: dict[str, str] = {}
    for one in given:
        cost, equals, amount = one.partition("=")
        if not (equals and cost and amount):
            raise InvalidSpec(
                f"{one!r} is no limit.",
                fix="Write --limit COST=AMOUNT, such as --limit macs=50M.",
                facts={"limit": one},
            )
        if cost in found:
            raise InvalidSpec(
                f"{cost} is limited twice.", fix="Give each cost one --limit.", facts={"limits": list(given)}
            )
        found[cost] = amount
    return found


def budgets(targets: Sequence[str], latencies: Sequence[str]) -> list[dict[str, str]]:
    """Pairs targets with budgets: the k-th with the k-th, or all with the only one.

    Raises:
        InvalidSpec: there are neither as many budgets as targets nor just one.
    """
    from nas.errors import InvalidSpec

    if len(latencies) not in (1, len(targets)):
        raise InvalidSpec(
            f"There are {len(targets)} targets and {len(latencies)} latency budgets.",
            fix="Give one --latency-ms to each --target in the same order, or one for all.",
            facts={"targets": list(targets), "latency_ms": list(latencies)},
        )
    given = list(latencies) * (len(targets) if len(latencies) == 1 else 1)
    return [{"target": name, "latency_ms": value} for name, value in zip(targets, given, strict=True)]


def specify(fields: dict[str, Any]) -> "SearchSpec":
    """A spec from its fields.

    Raises:
        InvalidSpec: a field is wrong.
    """
    from pydantic import ValidationError

    from nas.spec import SearchSpec, invalid_spec

    try:
        return SearchSpec.model_validate(fields)
    except ValidationError as error:
        raise invalid_spec(error) from error


@dataclass(frozen=True, slots=True)
class Workers:
    """Where a search computes: an executor's name, and how many of its workers train the supernet."""

    executor: str | None = None
    training: int | None = None


def execute(spec: "SearchSpec", *, out: str, store: str | None, workers: Workers, quiet: bool, asks: bool) -> Answer:
    """Runs a search with its progress on stderr: the plan first, then a bar for each stage. Elsewhere, where `ELSEWHERE` is set.

    Args:
        spec, out, store, workers, quiet: of the command.
        asks: whether a long one may ask first; it does so only at a terminal that displays the plan.

    Raises:
        Cancelled: the answer was no; nothing was started.
        Others: as `nas.pipeline.search`.
    """
    elsewhere = ELSEWHERE.get()
    if elsewhere is not None:
        reject_executor(workers.executor, workers.training)
        return elsewhere(spec, Path(out), quiet)
    from nas import pipeline, preflight
    from nas.cli.guard import ended_politely
    from nas.cli.progress import watch
    from nas.cli.report import render_plan, render_result
    from nas.execution.executor import check_executor, open_executor

    check_executor(workers.executor)
    folders: dict[str, Any] = {"out": Path(out), "store": store or None}
    note = ""
    with ended_politely():
        if not quiet:
            plan = preflight.plan(spec, **folders)
            note = plan.note
            with watch() as progress:
                progress.show(render_plan(plan))
            if asks and sum(plan.seconds.values()) > LONG_S and sys.stdin.isatty() and sys.stderr.isatty():
                ask("Give fewer --minutes, a lower --effort or a lower --resolution.")
        with open_executor(workers.executor) as opened, watch(quiet=quiet, known=note) as progress:
            how: dict[str, Any] = {"executor": opened, "training_workers": workers.training}
            result = pipeline.search(spec, on_event=progress, **how, **folders)
    return Answer(result.model_dump(mode="json"), lambda console: render_result(console, result))


def reject_executor(executor: str | None, training_workers: int | None = None) -> None:
    """For a command that a service runs.

    Raises:
        InvalidSpec: an executor is named, or several workers for training.
    """
    from nas.errors import InvalidSpec

    if executor is not None or training_workers is not None:
        raise InvalidSpec(
            "The executor and its workers are settings of the service, not of a job.",
            fix="Leave --executor and --training-workers away; `hwnas serve` and `hwnas worker` have the executor.",
            facts={"executor": executor, "training_workers": training_workers},
        )


def ask(fix: str) -> None:
    """Asks whether to start.

    Raises:
        Cancelled: no; `fix` says how it would take less.
    """
    from nas.errors import Cancelled

    if not typer.confirm("Start?", err=True):
        raise Cancelled("Nothing was started.", fix=fix)
