"""`hwnas spaces`: the search spaces that come with the package, the trained networks to start from, and what of one's own can shrink."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from nas.cli.answer import Answer, Json

if TYPE_CHECKING:
    from rich.console import Console

SIDE: Final = 224
"""Side of the input of a network whose file leaves it open, in pixels."""


def spaces(
    network: Annotated[
        Path | None,
        typer.Argument(
            help="An ONNX file, or the folder of a delivered model: show what of this network a search can shrink."
        ),
    ] = None,
    json: Json = False,
) -> Answer:
    """List the search spaces with their options, and the trained networks to start from; or show the space around one's own."""
    return _known() if network is None else _derived(network)


def _derived(path: Path) -> Answer:
    from nas.own_source import OwnSource
    from search_spaces.derived import derive
    from search_spaces.lattice import Lattice
    from search_spaces.space import text

    source = OwnSource.of(path)
    derivation = derive(Path(source.space), side=SIDE)
    channels, side, _ = derivation.network.input_shape
    space = derivation.space(source.name, resolution=side, channels=channels, classes=derivation.classes)
    size = Lattice.of(space).size
    document = {
        "network": source.name,
        "sha256": source.sha256,
        "classes": derivation.classes,
        "input": {"channels": channels, "side": side, "only_side": derivation.fixed_side is not None},
        "architectures": str(size),
        "prunable_share": derivation.prunable_share,
        "choices": {choice.name: list(choice.values) for choice in space.choices},
        "frozen": [{"layers": list(one.layers), "reason": one.reason} for one in derivation.frozen],
    }

    def render(console: "Console") -> None:
        from nas.cli.drawing import table

        console.print(
            f"{source.name}: {derivation.classes} classes, {channels} x {side} x {side} pixels, {float(size):.3g} architectures. "
            f"{derivation.describe()}.",
            markup=False,
        )
        choices = table("choice", "values")
        for choice in space.choices:
            choices.add_row(choice.name, ", ".join(text(value) for value in choice.values))
        console.print(choices)
        if derivation.frozen:
            kept = table("keep their channels", "since they are")
            for one in derivation.frozen:
                kept.add_row(", ".join(one.layers), one.reason)
            console.print(kept)

    return Answer(document, render)


def _known() -> Answer:
    from nas.pretrained import INSTALL, SOURCES, installed
    from search_spaces.registry import KNOWN

    document = {
        "spaces": [
            {
                "name": s.name,
                "summary": s.summary,
                "options": {name: list(values) for name, values in s.options.items()},
            }
            for s in KNOWN
        ],
        "sources": [
            {
                "name": s.name,
                "space": s.space,
                "trained_on": s.trained_on,
                "licence": s.licence,
                "origin": s.origin,
                "installed": installed(s),
                "install": INSTALL,
            }
            for s in SOURCES.values()
        ],
    }

    def render(console: "Console") -> None:
        from nas.cli.drawing import table

        built = table("space", "choices", "options (default first)")
        for known in KNOWN:
            options = "\n".join(f"{name}={'|'.join(values)}" for name, values in known.options.items())
            built.add_row(known.name, known.summary, options)
        built.columns[2].no_wrap = True
        console.print(built)
        console.print(
            "Options are written name:option=value, and a .yaml or .py file is a space of your own.", style="dim"
        )
        trained = table("trained network", "space", "trained on", "licence", "installed")
        for source in SOURCES.values():
            there = "yes" if installed(source) else "no"
            trained.add_row(source.name, source.space, source.trained_on, source.licence, there)
        trained.columns[0].no_wrap = True
        console.print(trained)
        hint = (
            "A search starts from one with --from NAME, from your own with --from FILE.onnx (hwnas spaces FILE.onnx shows what of it "
            f"can shrink), from none with --from none. Install them: {INSTALL}"
        )
        console.print(hint, style="dim", markup=False)

    return Answer(document, render)
