"""`hwnas profile`: a latency table of a target for a space, before any search."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.answer import Answer, Json, Out, Quiet, StoreFolder
from nas.work import Effort

if TYPE_CHECKING:
    from rich.console import Console


def profile(
    target: Annotated[str, typer.Option(help="What to measure, such as cpu or cpu:threads=2.")],
    resolution: Annotated[int, typer.Option(help="Size of the images in pixels.", min=4, max=512)],
    space: Annotated[str, typer.Option(help="A known space, a .yaml file, or a .py file.")] = "mobilenet",
    channels: Annotated[int, typer.Option(help="Channels of the images: 1 or 3.", min=1, max=4)] = 3,
    classes: Annotated[int, typer.Option(help="Number of classes.", min=2)] = 10,
    effort: Annotated[Effort, typer.Option(help="How many networks to measure.")] = "standard",
    seed: Annotated[int, typer.Option(help="Seed of the sampled networks.")] = 0,
    out: Out = "runs",
    store: StoreFolder = None,
    quiet: Quiet = False,
    json: Json = False,
) -> Answer:
    """Measure a target and store its latency table, with an accuracy report on networks that were never fitted."""
    from nas import pipeline
    from nas.cli.guard import ended_politely
    from nas.cli.progress import watch
    from nas.cli.report import render_profile

    with ended_politely(), watch(quiet=quiet) as progress:
        result = pipeline.profile(
            target, space, resolution=resolution, channels=channels, classes=classes, effort=effort, seed=seed,
            out=Path(out), store=store or None, on_event=progress,
        )  # fmt: skip

    def render(console: "Console") -> None:
        render_profile(console, result)

    return Answer(result.model_dump(mode="json"), render)
