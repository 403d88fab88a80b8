"""`hwnas run SPEC.yaml`: a search whose options are in a file."""

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.answer import Answer, ExecutorName, Json, Out, Quiet, StoreFolder, TrainingWorkers
from nas.cli.search import Workers, Yes, execute


def run(
    spec: Annotated[
        str, typer.Argument(help="YAML file of a search spec: data, space, targets, effort, …", metavar="SPEC.yaml")
    ],
    out: Out = "runs",
    store: StoreFolder = None,
    executor: ExecutorName = None,
    training_workers: TrainingWorkers = None,
    yes: Yes = False,
    quiet: Quiet = False,
    json: Json = False,
) -> Answer:
    """Run the search that a YAML file describes. Paths in it are relative to the working folder."""
    from nas.spec import SearchSpec

    given = SearchSpec.from_yaml(Path(spec))
    workers = Workers(executor, training_workers)
    return execute(given, out=out, store=store, workers=workers, quiet=quiet, asks=not (yes or json))
