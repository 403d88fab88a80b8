"""An exported model's results class by class: the confusion matrix with its margins, or the worst classes of many."""

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nas.cli.drawing import table

if TYPE_CHECKING:
    from nas.result import TestOutcome

MATRIX: Final = 12
"""Classes whose confusion matrix fits into 80 columns."""
WORST: Final = 5
"""Classes that are displayed of more."""
SHORT: Final = 4
"""Characters of names that head the columns themselves; longer ones are numbered."""
_NAME: Final = 14
"""Characters of a class's name beside the matrix; all of it where it fits."""


def render_classes(console: Console, test: "TestOutcome") -> None:
    """The INT8 model's predictions on the test set, class by class."""
    if len(test.classes) <= MATRIX:
        console.print(Text("test set, INT8: true classes are rows, predictions columns", style="bold"))
        console.print(_matrix(test, console.width))
    else:
        console.print(Text(f"test set, INT8: the {WORST} worst of {len(test.classes)} classes", style="bold"))
        console.print(_worst(test))


def _matrix(test: "TestOutcome", width: int) -> Table:
    """Counts, with the recall beside each row and the precision below each column."""
    names = [_name(one.name) for one in test.classes]
    headings = names
    if max(map(len, names)) > SHORT:
        headings = [str(number) for number, _ in enumerate(names, 1)]
        names = [f"{heading} {name}" for heading, name in zip(headings, names, strict=True)]
    body = [[_count(images) for images in row] for row in test.confusion]
    precision = [_percent(one.precision) for one in test.classes]
    widths = [max(map(len, column)) + 1 for column in zip(headings, *body, precision, strict=True)]
    room = max(_NAME, width - sum(widths) - len(" recall"))
    built = Table(box=None, pad_edge=False, padding=(0, 0, 0, 1), header_style="bold")
    built.add_column("", no_wrap=True, overflow="ellipsis", max_width=room)
    for heading in (*headings, "recall"):
        built.add_column(Text(heading), justify="right", no_wrap=True)
    for number, (name, cells) in enumerate(zip(names, body, strict=True)):
        marked = [Text(cell, style="green" if at == number else "") for at, cell in enumerate(cells)]
        built.add_row(Text(name), *marked, _percent(test.classes[number].recall))
    built.add_row("precision", *precision, "", style="dim")
    return built


def _worst(test: "TestOutcome") -> Table:
    """The classes with the lowest recall, and what their images are mistaken for."""
    built = table("class", "images", "precision", "recall", "most often mistaken for", right=(1, 2, 3))
    for number in test.worst(WORST):
        one, wrong = test.classes[number], test.taken_for(number)
        mistaken = "" if wrong is None else f"{_name(test.classes[wrong[0]].name)} ({wrong[1]:,})"
        row = (_name(one.name), f"{one.images:,}", _percent(one.precision), _percent(one.recall), mistaken)
        built.add_row(*map(Text, row))
    return built


def _name(text: str) -> str:
    """A class's name on one line."""
    return " ".join(text.split())


def _count(images: int) -> str:
    return "·" if not images else str(images) if images < 10_000 else f"{images / 1000:.0f}k"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
