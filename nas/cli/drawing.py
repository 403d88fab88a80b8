"""Shared by all rendered results: tables in the house style, short forms of numbers and architectures, paths, warnings, errors.

Not here: the rendering of results (`report.py`), of estimates (`estimate_report.py`), of classes (`class_report.py`).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nas.cli.progress import milliseconds

ARCHITECTURE_WIDTH: Final = 96
"""Characters of an abbreviated architecture: two lines of a table at 80 columns."""

_MOST: Final = 50
"""Entries of a list that a panel displays: more than any installation has."""

_WELL_KNOWN: Final = {"error", "code", "detail", "fix"}


BOUND_TITLES: Final = {
    "maps in": "feature maps in",
    "maps out": "feature maps out",
    "pools and sums": "pooling and add",
}
"""What binds a group of a simulation, in words; other values stand for themselves."""


def table(*columns: str, right: Sequence[int] = ()) -> Table:
    """An empty table in the house style; columns by their headings, those in `right` aligned to the right."""
    built = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for index, heading in enumerate(columns):
        built.add_column(heading, justify="right" if index in right else "left", overflow="fold")
    return built


def size(count: float, units: Sequence[str] = ("B", "kB", "MB", "GB", "TB"), base: float = 1000) -> str:
    """A number with three significant digits and a unit: `328 kB`, `1.24 MB`."""
    unit = 0
    while count >= base * 0.9995 and unit < len(units) - 1:
        count, unit = count / base, unit + 1
    text = f"{count:.0f}" if unit == 0 or count >= 99.95 else f"{count:.1f}" if count >= 9.995 else f"{count:.2f}"
    return f"{text} {units[unit]}".rstrip()


def many(text: str) -> str:
    """A count that may be very large: `1,024`, `3.2e+14`."""
    return f"{int(text):,}" if len(text) <= 9 else f"{int(text):.2e}"


def abbreviate(architecture: str, width: int = ARCHITECTURE_WIDTH) -> str:
    """An architecture in a few characters: each choice by its first letter, stage by stage; cut to a width.

    Example:
        >>> abbreviate("resolution=24 s1.depth=1 s1.width=16 s1.se=true s1.b0.kernel=7 s1.b0.expansion=4.0")
        'r24 · w16 se k7e4'
    """
    tokens = [token.partition("=") for token in architecture.split()]
    counted = {
        path.split(".")[0] for path, _, _ in tokens if path.count(".") > 1
    }  # stages whose blocks give their depth
    stages: dict[str, list[str]] = {}
    blocks: dict[tuple[str, ...], int] = {}
    for path, equals, value in tokens:
        *parents, choice = path.split(".")
        if choice == "depth" and parents and parents[0] in counted:
            continue
        stage = stages.setdefault(parents[0] if parents else "", [])
        short = (
            choice
            if not equals or value == "true"
            else ""
            if value == "false"
            else choice[:1] + re.sub(r"\.0$", "", value)
        )
        if len(parents) > 1 and short:
            key = tuple(parents)
            if key in blocks:
                stage[blocks[key]] += short
            else:
                blocks[key] = len(stage)
                stage.append(short)
        elif short:
            stage.append(short)
    text = " · ".join(" ".join(words) for words in stages.values() if words)
    return text if len(text) <= width else text[: width - 1].rstrip(" ·") + "…"


def bare(value: float | None) -> str:
    """Milliseconds without their unit."""
    return "-" if value is None else milliseconds(value).removesuffix(" ms")


def folder(console: Console, name: str, path: str) -> None:
    """A path on a line of its own that is never broken, so that it can be copied."""
    console.print(Text.assemble((f"{name} ", "bold"), (_short(path), "cyan")), soft_wrap=True)


def _short(path: str) -> str:
    """A path relative to the working folder where that is shorter."""
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except ValueError:
        return path


def warn(console: Console, warnings: Sequence[str]) -> None:
    """The warnings of a run, each on a line of its own."""
    for warning in warnings:
        console.print(Text(f"! {warning}", style="yellow"))


def error_panel(document: Mapping[str, Any]) -> Panel:
    """What is wrong, how to fix it, and the facts."""
    body = Text(str(document["detail"]))
    body.append("\n\nFix: ", style="bold")
    body.append(str(document["fix"]))
    facts = [f"{key}: {_fact(value)}" for key, value in document.items() if key not in _WELL_KNOWN]
    if facts:
        body.append("\n\n" + "\n".join(facts), style="dim")
    return Panel(body, title=f"error: {document['code']}", title_align="left", border_style="red")


def _fact(value: Any) -> str:
    if isinstance(value, list):
        more = f"\n  and {len(value) - _MOST} more, which --json shows" if len(value) > _MOST else ""
        return "".join(f"\n  {_fact(item)}" for item in value[:_MOST]) + more
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
