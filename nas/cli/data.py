"""`hwnas data check PATH`: what a data set holds, and what is wrong with it, before a search takes time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from nas.cli.answer import Answer, Json, Quiet
from nas.cli.guard import WRONG, Commands

if TYPE_CHECKING:
    from rich.console import Console

    from nas.data.report import DataReport

SHOWN: Final = 30
"""Classes, files and groups of copies that are printed; `--json` has more."""

data = typer.Typer(name="data", cls=Commands, help="Data sets, before a search.", no_args_is_help=True)
data.callback()(lambda: None)  # one command is a group, too


@data.command("check")
def check(
    source: Annotated[str, typer.Argument(help="digits, a folder of class folders, or an .npz file.", metavar="PATH")],
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the splits that are missing.")] = 0,
    plot: Annotated[
        str | None,
        typer.Option("--plot", help="Draw samples of each class, and copies, into a PNG file.", metavar="FILE.png"),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> Answer:
    """Look at a data set: images, sizes, classes, splits, unreadable files, copies; and what a search will do about them.

    The exit code is 2 where no search would begin with it.
    """
    from nas.cli.progress import watch
    from nas.data.contact_sheet import contact_sheet
    from nas.data.report import report
    from nas.events import ProgressEvent
    from nas.files import write_atomically

    with watch(quiet=quiet) as display:

        def on_progress(done: int, total: int) -> None:
            display(ProgressEvent(phase="preparing", done=done, total=total, unit="images"))

        found, pictures = report(source, seed=seed, on_progress=on_progress)
        if plot is not None:
            write_atomically(Path(plot), contact_sheet(source, pictures, found.copies.groups))
    return Answer(
        found.model_dump(mode="json"), lambda console: _render(console, found, plot), 0 if found.usable else WRONG
    )


def _render(console: "Console", found: "DataReport", plot: str | None) -> None:
    from nas.cli.drawing import table

    for line in _summary(found):
        console.print(line, markup=False)
    if found.classes:
        built = table("class", "train", "val", "test")
        for one in found.classes[:SHOWN]:
            built.add_row(one.name, *(f"{count:,}" for count in (one.train, one.val, one.test)))
        console.print(built)
        if len(found.classes) > SHOWN:
            console.print(f"and {len(found.classes) - SHOWN} more classes", style="dim")
    for name, reason in found.unreadable_files[:SHOWN]:
        console.print(f"unreadable: {name}: {reason}", markup=False)
    for group in found.copies.groups[:SHOWN]:
        console.print(f"copies: {', '.join(group)}", markup=False)
    for finding in found.findings:
        style = "red" if finding.severity == "error" else "yellow"
        console.print(f"{finding.severity}: {finding.what}", style=style, markup=False)
        if finding.action:
            console.print(f"  {finding.action}", markup=False)
    console.print("A search can begin with these data." if found.usable else "No search begins with these data.")
    if plot is not None:
        console.print(f"Samples and copies: {plot}", markup=False)


def _summary(found: "DataReport") -> list[str]:
    lines = [
        f"{found.images:,} images in {len(found.classes) or 'unknown'} classes, {found.unreadable} unreadable files"
    ]
    if found.sizes is not None:
        many = f"{found.sizes.distinct:,} sizes: " if found.sizes.distinct > 1 else ""
        lines.append(
            f"{many}{_range(found.sizes.width)} pixels wide, {_range(found.sizes.height)} high; "
            f"{found.grey:,} grey, {found.images - found.grey:,} in colour"
        )
    if found.resolution is not None:
        lines.append(f"A search reads them at {found.resolution} x {found.resolution} pixels by default.")
    near = "not searched" if found.copies.near is None else f"{found.copies.near:,} pairs"
    lines.append(f"{found.copies.exact:,} exact copies; near copies: {near}")
    given = ", ".join(found.given_splits)
    missing = [name for name in ("val", "test") if name not in found.given_splits]
    lines.append(f"splits given: {given}" + (f"; split off train: {', '.join(missing)}" if missing else ""))
    return lines


def _range(sizes: tuple[int, int, int]) -> str:
    low, middle, high = sizes
    return f"{low}" if low == high else f"{low} to {high} (median {middle})"
