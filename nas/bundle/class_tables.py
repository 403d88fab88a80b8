"""A model's results class by class, as Markdown: precision and recall, and the confusion matrix of few classes."""

from collections.abc import Iterable, Sequence
from typing import Final

from nas.result import TestOutcome

LISTED: Final = 20
"""Classes that are listed with their precision and recall; of more, the worst."""
MATRIX: Final = 12
"""Most classes with a confusion matrix."""
WORST: Final = 5


def class_tables(test: TestOutcome) -> str:
    """The tables with their captions, for a section of their own."""
    count = len(test.classes)
    numbers = range(count) if count <= LISTED else test.worst(WORST)
    rows = [
        (
            escape(test.classes[n].name), f"{test.classes[n].images:,}", _share(test.classes[n].precision),
            _share(test.classes[n].recall),
        )
        for n in numbers
    ]  # fmt: skip
    which = "" if count <= LISTED else f" These are the {len(rows)} worst of {count} classes; `receipt.json` has all."
    text = f"Of the INT8 model, measured on the test set.{which}\n\n"
    text += _grid(("class", "images", "precision", "recall"), rows)
    if count > MATRIX:
        return text
    names = [escape(one.name) for one in test.classes]
    matrix = [(name, *map(str, row)) for name, row in zip(names, test.confusion, strict=True)]
    return f"{text}\n\nImages by true class (rows) and prediction (columns):\n\n{_grid(('', *names), matrix)}"


def escape(text: str) -> str:
    """Text escaped for Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|~" else c for c in " ".join(text.split()))


def _grid(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
