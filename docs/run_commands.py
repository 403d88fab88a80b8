"""Runs the commands of the documentation that its tests cannot run, in order, and records their exit codes: `make docs-commands`.

These commands need a service or the checkout; `tests/test_docs.py` runs all others each time.

`python -m docs.run_commands` renews the whole record, `docs/example/commands.json`; with pages, it renews their commands, and
with `--changed` those of pages with commands that are not recorded. Searches are run at the least effort; the record has both the
command of the page and the command that was run. It needs port 8000, PostgreSQL's binaries for the commands that name a database, and
about half an hour.

Not here: running one page (`reader.py`), and the user's files that it names (`scratch.py`).
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from docs import scratch
from docs.code_blocks import blocks
from docs.generate import PAGES, ROOT
from docs.reader import SELF, Ran, least, name_of, needs_nothing, run_page
from docs.recorded import EXAMPLE

RECORD: Final = EXAMPLE / "commands.json"


def recorded() -> list[Ran]:
    """The recorded commands; empty if there is no record."""
    return [Ran(**line) for line in json.loads(RECORD.read_text())["commands"]] if RECORD.exists() else []


def pieces_of(page: Path) -> list[str]:
    """The runnable pieces of a page, except those that would run the tests themselves."""
    return [piece for block in blocks(page) for piece in block.runs if not SELF.match(piece)]


def missing(page: Path, record: Iterable[Ran]) -> list[str]:
    """Pieces of a page that are not recorded as run successfully."""
    done = {(ran.page, ran.shown, ran.ran) for ran in record if ran.exit_code == 0}
    return [
        piece for piece in pieces_of(page) if is_recorded(piece) and (name_of(page), piece, least(piece)) not in done
    ]


def is_recorded(piece: str) -> bool:
    """Whether a command or program belongs into the record, since the tests do not run it."""
    return not needs_nothing(piece)


def stale(record: Iterable[Ran]) -> list[Ran]:
    """Recorded commands that are on no page."""
    pieces = {(name_of(page), piece) for page in PAGES for piece in pieces_of(page) if is_recorded(piece)}
    return [ran for ran in record if (ran.page, ran.shown) not in pieces]


def write(record: Iterable[Ran], about: Mapping[str, Any]) -> None:
    """Writes the record, in the order of the pages."""
    order = {name_of(page): number for number, page in enumerate(PAGES)}
    lines = [asdict(ran) for ran in sorted(record, key=lambda ran: order[ran.page])]
    RECORD.write_text(json.dumps({**about, "commands": lines}, indent=1) + "\n")


def main() -> int:
    """Runs and records; 1 if a command failed."""
    from benchmarks.common import machine

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "pages", nargs="*", type=Path, help="pages to run, such as docs/tutorials/own-data.md; all when absent"
    )
    parser.add_argument("--changed", action="store_true", help="only pages with commands that are not in the record")
    parser.add_argument(
        "--folder", type=Path, help="where to run; a new temporary folder when absent. Its commands.log has all output"
    )
    options = parser.parse_args()
    record = recorded()
    pages = [page.resolve() for page in options.pages] or [p for p in PAGES if any(map(is_recorded, pieces_of(p)))]
    if options.changed:
        pages = [page for page in pages if missing(page, record)]
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="hwnas-docs-"))).resolve()
    scratch.prepare(folder)
    renewed = [ran for ran in record if ran not in stale(record) and ROOT / ran.page not in pages]
    for page in pages:
        for ran in run_page(page, folder, selected=is_recorded):
            sys.stderr.write(f"{ran.exit_code}  {ran.seconds:7.1f} s  {ran.page}: {ran.shown.splitlines()[0]}\n")
            renewed.append(ran)
    write(renewed, {"date": time.strftime("%Y-%m-%d"), "machine": machine()})
    sys.stderr.write(f"All output is in {folder / 'commands.log'}\n")
    return int(any(ran.exit_code for ran in renewed))


if __name__ == "__main__":
    sys.exit(main())
