"""The result of a command: one document for machines, one rendering for people. Not here: how and where it is printed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a command.

    Attributes:
        document: for `--json`, JSON values only.
        render: prints it on a console.
        code: the exit code.
    """

    document: Mapping[str, Any]
    render: "Callable[[Console], None]"
    code: int = 0


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; progress stays on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Out = Annotated[str, typer.Option("--out", "-o", help="Folder of runs and their bundles.", metavar="DIR")]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        help="Where independent parts of the work run: local (this process), processes or processes:N (N worker processes), ray (a Ray "
        "cluster on this machine) or ray:HOST:PORT (one that is there); when absent, HWNAS_EXECUTOR, else local. The result is the same.",
        metavar="NAME",
    ),
]
TrainingWorkers = Annotated[
    int | None,
    typer.Option(
        "--training-workers",
        min=1,
        max=256,
        help="How many of the executor's workers train the supernet together, each on a part of every batch. The result differs as with "
        "another number of --threads. When absent, HWNAS_TRAINING_WORKERS, else 1.",
        metavar="N",
    ),
]
StoreFolder = Annotated[
    str | None,
    typer.Option("--store", help="Folder, or fsspec URL, of cached results; inside --out when absent.", metavar="DIR"),
]


def finite(value: Any) -> Any:
    """The same JSON value with null for numbers that JSON cannot hold (not a number, infinity)."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
