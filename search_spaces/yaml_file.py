"""Reads a YAML file of plain data: text, numbers as JSON has them, `true`, `false`, `null`, lists and mappings without repeated fields.

What readers of YAML 1.1 and 1.2 take for different things (`yes`, `1:30`, `010`, `1_000`, a date), and numbers that are not finite
are rejected; so are aliases, tags, deep nesting and large files. Not here: what the fields mean.
"""

import math
import re
from pathlib import Path
from typing import Any, Final, cast

from search_spaces.errors import HwnasError

MAX_FILE_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 64

Place = tuple[str | int, ...]

_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_NUMBER: Final = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_TRAPS: Final = (
    (re.compile(r"yes|on", re.IGNORECASE), "is true in YAML 1.1; write true"),
    (re.compile(r"no|off", re.IGNORECASE), "is false in YAML 1.1; write false"),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"),
        "is {base60} in YAML 1.1, to base 60; write the number to base 10",
    ),
    (re.compile(r"[-+]?0(b[01_]+|o[0-7_]+|x[0-9a-fA-F_]+)"), "is a number to another base; write it to base 10"),
    (re.compile(r"[-+]?0[0-7_]+"), "is a number to base 8 in YAML 1.1; write it to base 10, without zeros before it"),
    (re.compile(r"[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?"), "begins with 0; write it without zeros before it"),
    (re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"), "has _ in a number; write it without"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"), "is a date in YAML 1.1, and no field takes one"),
    (re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE), "is no finite number; write a finite one"),
)
"""Plain words that YAML readers take for different things, or that no field takes, and what to write."""


def read_yaml(path: Path, what: str, error_type: type[HwnasError]) -> Any:
    """The document of a file: dict, list, str, int, float, bool and None.

    Args:
        path: of the file.
        what: it should hold, such as `a search spec`.
        error_type: the error that is raised.

    Raises:
        error_type: the file cannot be read, is larger than 256 KiB or is no such YAML; `facts["fields"]` has a line for each wrong value.
    """
    import yaml

    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise error_type(f"{path} is larger than {MAX_FILE_BYTES // 1024} KiB.", fix=f"Give a YAML file of {what}.")
        root = _loader()(content).get_single_node()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise error_type(f"Cannot read {path}: {_line(error)}.", fix=f"Give a YAML file of {what}.") from error
    reader = _Reader()
    document = None if root is None else reader.value(root, ())
    if reader.wrong:
        raise error_type(
            f"{path} has values that can be read in more than one way, or in none: {'; '.join(reader.wrong)}.",
            fix="Correct these fields; a text goes in quotes.",
            facts={"fields": reader.wrong},
        )
    return document


class _Reader:
    """Turns nodes into values, and collects a line for each rejected one."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def value(self, node: Any, place: Place) -> Any:
        if node.id == "sequence":
            return [self.value(one, (*place, index)) for index, one in enumerate(node.value)]
        if node.id == "mapping":
            return self._fields(node, place)
        if node.style is not None:  # quoted, or a block of text
            return node.value
        return self._plain(node.value, place)

    def _fields(self, node: Any, place: Place) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for key, value in node.value:
            if key.id != "scalar":
                self._reject(place, f"has a {key.id} for a field's name; write a text")
            elif key.value in fields:
                self._reject((*place, key.value), "is named twice; remove one")
            else:
                fields[key.value] = self.value(value, (*place, key.value))
        return fields

    def _plain(self, text: str, place: Place) -> Any:
        if text.lower() in _WORDS and text in (text.lower(), text.title(), text.upper()):
            return _WORDS[text.lower()]
        if _NUMBER.fullmatch(text):
            return self._number(text, place)
        for trap, why in _TRAPS:
            if trap.fullmatch(text):
                explanation = why.format(base60=_base60(text)) if "{" in why else why
                self._reject(place, f'{text} {explanation}, or "{text}" in quotes for a text')
                break
        return text

    def _number(self, text: str, place: Place) -> int | float:
        try:
            number: int | float = int(text)
        except ValueError:  # no integer, or one of thousands of digits
            number = float(text)
        if not math.isfinite(number):
            self._reject(place, f"{text[:40]} is too large a number; write a smaller one")
        return number

    def _reject(self, place: Place, why: str) -> None:
        self.wrong.append(f"{'.'.join(map(str, place)) or 'the document'}: {why}"[:300])


def _base60(text: str) -> str:
    """A number to base 60, such as 1:30, to base 10."""
    total = 0.0
    for digits in text.lstrip("+-").replace("_", "").split(":"):
        total = 60 * total + float(digits)
    return f"{'-' if text.startswith('-') else ''}{total:g}"


def _line(error: Exception) -> str:
    """An error of the file or of its YAML in one line, with its place."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"{getattr(error, 'problem', None) or 'no YAML'} (line {mark.line + 1}, column {mark.column + 1})"


def _loader() -> Any:
    import yaml

    class Loader(yaml.BaseLoader):
        """Without aliases, with which a small file expands to a large document; without tags; not deep."""

        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = cast(Any, self).peek_event()
            problem = (
                "aliases are not allowed"
                if isinstance(event, yaml.AliasEvent)
                else "tags are not allowed"
                if event.tag is not None
                else f"nested more than {MAX_DEPTH} deep"
                if self.depth > MAX_DEPTH
                else None
            )
            if problem is not None:
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
            self.depth += 1
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

    return Loader
