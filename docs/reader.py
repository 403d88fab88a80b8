"""Runs the commands, programs and services of a page of the documentation in a folder, as a reader would.

Not here: the code blocks (`code_blocks.py`), and the record of the runs (`run_commands.py`).
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from docs.code_blocks import blocks
from docs.generate import ROOT

ADDRESS: Final = "http://127.0.0.1:8000"
START_TIMEOUT_S: Final = 900.0
"""Longest start of a service, including the build of its dashboard."""
WORKER_START_S: Final = 5.0
"""A worker prints nothing; one that still runs after this time has started."""

SERVICE: Final = re.compile(r"^(?:hwnas (?:serve|worker)|make serve)\b")
CALLS_SERVICE: Final = re.compile(r"(?:localhost|127\.0\.0\.1):8000")
OF_A_CLIENT: Final = re.compile(r"\$(?:HWNAS_KEY|auth)\b|nas_\.\.\.")
OF_THE_CHECKOUT: Final = re.compile(r"^(?:\w+=\S* )?(?:make |\.venv/)")
SELF: Final = re.compile(r"^make (?:test|docs-commands)\b")
"""Not run here: they would run this module or write its record. Continuous integration runs `make test`."""

LEAST: Final = (
    (re.compile(r"^hwnas search (?!.*--effort)[^#\n]*[^#\s]", re.MULTILINE), r"\g<0> --effort quick"),
    (re.compile(r"--minutes \d+"), "--minutes 5"),
    (re.compile(r"(client\.search\((?:(?!effort)[^)])*)\)"), r'\1, effort="quick")'),
    (re.compile(r'job\.export\("[0-9a-f]+"\)'), "job.export([*client.candidates(job.id)][-1].architecture_id)"),
    (
        re.compile(r"\A(.*^async def main\(\).*)\Z", re.DOTALL | re.MULTILINE),
        "\\1\nimport asyncio\n\nasyncio.run(main())\n",
    ),
    (re.compile(r"\bseven\.png"), "../../../seven.png"),
    (re.compile(r"ADDRESS_OF_THE_INDEX"), ""),
)
"""Replacements in a command before it is run: the least work, and values that only a reader knows."""

FAILING_CURL: Final = 'curl() { command curl --fail-with-body "$@"; }'
"""An HTTP error makes the command fail."""

PROGRAMS: Final = """
import json, os, sys, traceback
shared, replies = {"__name__": "shown"}, os.fdopen(int(sys.argv[1]), "w")
for line in sys.stdin:
    try:
        exec(compile(json.loads(line), "shown", "exec"), shared)
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    print(code, file=replies, flush=True)
"""
"""The process that runs a page's programs, which share their variables."""


@dataclass(frozen=True)
class Ran:
    """One run: the page, the piece as on the page, as it was run, its exit code, and its seconds."""

    page: str
    shown: str
    ran: str
    exit_code: int
    seconds: float


def least(text: str) -> str:
    """A command with its replacements."""
    for pattern, instead in LEAST:
        text = pattern.sub(instead, text)
    return text


def needs_nothing(text: str) -> bool:
    """Whether a command or program runs without a service, a package index, or the checkout."""
    return not any(pattern.search(text) for pattern in (SERVICE, CALLS_SERVICE, OF_THE_CHECKOUT, OF_A_CLIENT, SELF))


def name_of(page: Path) -> str:
    """A page's name in the record."""
    return str(page.relative_to(ROOT) if page.is_relative_to(ROOT) else page.name)


@dataclass
class Reader:
    """Runs one page in a folder."""

    folder: Path
    environment: dict[str, str]
    log: Path
    services: "list[tuple[int, subprocess.Popen[bytes]]]" = field(default_factory=list)
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    programs: Callable[[str], int] | None = None
    database: str = ""

    def read(self, page: Path, selected: Callable[[str], bool] = lambda _: True) -> Iterator[Ran]:
        """Runs the selected pieces of a page, and writes its files."""
        with self.stack:
            self.stack.callback(self._stop)
            for number, block in enumerate(blocks(page)):
                if block.file:
                    (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                    (self.folder / block.file).write_text(block.text)
                self.environment["PWD"] = str(self.folder)  # each block begins in the page's folder
                for piece in block.runs:
                    if selected(piece) and not SELF.match(piece):
                        started = time.monotonic()
                        run = self._program if block.language == "python" else self._command
                        try:
                            code = run(least(piece), number)
                        except (OSError, LookupError, ValueError) as error:  # a named file or job is missing
                            self._note(repr(error))
                            code = 1
                        yield Ran(name_of(page), piece, least(piece), code, round(time.monotonic() - started, 1))

    def _command(self, text: str, block: int) -> int:
        text = self._filled(text, block)
        folder = str(ROOT) if OF_THE_CHECKOUT.match(text) else self.environment["PWD"]
        if SERVICE.match(text):
            return self._serve(text, folder, block)
        state = self.folder / ".environment"  # the next command has its variables and folder
        script = f"{FAILING_CURL}; cd {folder!r}; set -a; {text}\ncode=$?; env -0 > {str(state)!r}; exit $code"
        self._note(f"$ {text}")
        with self.log.open("ab") as log:
            code = subprocess.run(
                ["bash", "-c", script], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
            ).returncode  # fmt: skip
        if state.exists() and folder != str(ROOT):
            self.environment = dict(line.split("=", 1) for line in state.read_text().split("\0") if "=" in line)
        return code

    def _program(self, text: str, block: int) -> int:
        text = self._filled(text, block)
        if self.programs is None:
            self.programs = self._interpreter()
        return self.programs(text)

    def _interpreter(self) -> Callable[[str], int]:
        reading, writing = os.pipe()
        log = self.stack.enter_context(self.log.open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAMS, str(writing)], cwd=self.folder, env=self.environment, pass_fds=[writing],
            stdin=subprocess.PIPE, stdout=log, stderr=log, text=True,
        )  # fmt: skip
        os.close(writing)
        replies = self.stack.enter_context(os.fdopen(reading))
        self.stack.enter_context(process)  # closes its input and waits for it

        def run(text: str) -> int:
            assert process.stdin is not None
            process.stdin.write(json.dumps(text) + "\n")
            process.stdin.flush()
            return int(replies.readline() or 1)

        return run

    def _serve(self, text: str, folder: str, block: int) -> int:
        """Starts a service and leaves it running for the next pieces; 0 if it responds, or, of a worker, still runs."""
        self._stop(before=block)
        self._note(f"$ {text} &")
        out = self.folder / f"service-{len(list(self.folder.glob('service-*')))}.log"
        with out.open("wb") as writing:
            process = subprocess.Popen(
                ["bash", "-c", text], cwd=folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=writing,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.services.append((block, process))
        is_worker = " worker" in text
        until = time.monotonic() + (WORKER_START_S if is_worker else START_TIMEOUT_S)
        responds = is_worker
        while process.poll() is None and time.monotonic() < until:
            if re.search(r'hwnas serves at|"url": "http', out.read_text()):
                responds = True
                break
            time.sleep(0.1)
        if (Path(self.environment["HWNAS_HOME"]) / "first-key").exists():
            self.environment["HWNAS_KEY"] = self.key()
        return 0 if responds and process.poll() is None else 1

    def _note(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(f"\n{text}\n")

    def _stop(self, before: int | None = None) -> None:
        """Ends all services, or those of earlier blocks."""
        for block, process in list(self.services):
            if before is None or block < before:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                process.wait(120)
                self.services.remove((block, process))

    def _filled(self, text: str, block: int) -> str:
        """With the names, keys and addresses of this run instead of the placeholders."""
        if CALLS_SERVICE.search(text) and not SERVICE.match(text) and not self.services:
            self._serve("hwnas serve", str(self.folder), block)
        for pattern, find in PLACEHOLDERS:
            if re.search(pattern, text):
                text = re.sub(pattern, find(self).replace("\\", r"\\"), text)
        return text

    def newest_run(self) -> Path:
        """The folder of the newest run of the demo's space."""
        return max((self.folder / "runs").glob("digits-mobilenet-*"), key=lambda run: run.stat().st_mtime)

    def other_architecture(self) -> str:
        """The id of an evaluated architecture that is not the final model of this run."""
        result, evaluated = (
            json.loads((self.newest_run() / f"{name}.json").read_text()) for name in ("result", "candidates")
        )
        exported = {model["architecture_id"] for model in result["models"].values()}
        ids = [one["architecture_id"] for points in evaluated.values() for one in points]
        return str(next((one for one in ids if one not in exported), ""))

    def key(self) -> str:
        """The first key of the running service."""
        return (Path(self.environment["HWNAS_HOME"]) / "first-key").read_text().strip()

    def newest(self, what: str) -> str:
        """The id of the newest job or model of the running service."""
        request = urllib.request.Request(f"{ADDRESS}/v1/{what}", headers={"Authorization": f"Bearer {self.key()}"})  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return str(json.load(answer)["items"][0]["id"])

    def database_url(self) -> str:
        """The address of an empty database."""
        from api.testing import postgres

        if not self.database:
            server = self.stack.enter_context(postgres.running())
            self.database = server.url(server.empty())
        return self.database


PLACEHOLDERS: Final[tuple[tuple[str, Callable[[Reader], str]], ...]] = (
    (r"digits-mobilenet-1a2b3c4d", lambda reader: reader.newest_run().name),
    (r"\b56c1dd\b", Reader.other_architecture),
    (r"\bnas_\.\.\.", Reader.key),
    (r"\bJOB\b", lambda reader: reader.newest("jobs")),
    (r"\bMODEL\b", lambda reader: reader.newest("models")),
    (r"\bDIR\b", lambda reader: str(reader.folder / "another-home")),
    (r"\bFOLDER_OR_NPZ\b", lambda reader: str(reader.folder / "photos")),
    (r"postgresql://hwnas@db/hwnas", lambda reader: repr(reader.database_url())),
)


def environment(folder: Path, first: Sequence[Path] = ()) -> dict[str, str]:
    """A reader's environment variables: `hwnas` of this environment; the folders `first` lead Python's path."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HWNAS_", "MAKE", "MFLAGS"))}
    return {
        **inherited,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(map(str, (*first, ROOT))),
        "OUT": str(folder / "runs"),
    }


def run_page(
    page: Path, folder: Path, *, selected: Callable[[str], bool] = lambda _: True, first: Sequence[Path] = ()
) -> Iterator[Ran]:
    """Runs a page in a prepared folder, with a service home of its own; output is in `commands.log` there."""
    around = environment(folder, first)
    around["HWNAS_HOME"] = str(folder / "homes" / page.stem)
    return Reader(folder, around, folder / "commands.log").read(page, selected)
