"""The fenced code blocks of the documentation, with their commands, programs and files.

Not here: running them (`run_commands.py`), and their tests (`tests/test_docs.py`).
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(
    r"(?:<!-- (?P<note>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the comment just above it."""

    language: str
    text: str
    note: str

    @property
    def file(self) -> str:
        """The name of the file whose content this is; empty if there is none."""
        return self.note.removeprefix("file: ") if self.note.startswith("file: ") else ""

    @property
    def runs(self) -> tuple[str, ...]:
        """Its runnable pieces: a whole Python program, or, if the language is empty or a shell's, each command."""
        if self.file:
            return ()
        if self.language == "python":
            return (self.text,)
        return tuple(_commands(self.text)) if self.language in ("", "sh", "console") else ()


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(m["language"], m["text"], m["note"] or "") for m in _FENCE.finditer(page.read_text())]


def without_blocks(text: str) -> str:
    """A page's text outside of its blocks."""
    return _FENCE.sub("", text)


def _commands(text: str) -> Iterator[str]:
    """Splits into commands; a line that ends in a backslash, or inside quotes, continues in the next one."""
    command = ""
    for line in text.splitlines():
        command = f"{command}\n{line}" if command else line
        if command.strip() and _is_whole(command):
            yield command.strip()
            command = ""
    if command.strip():
        raise ValueError(f"a command does not end: {command!r}")


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:  # a quote that is not closed, or a backslash at the end
        return False
    return not command.endswith("\\")
