"""Checks an installation of the service and reports what is wrong. Changes nothing."""

import os
import platform
import shutil
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from api import schema
from api.database import Database, has_wal_reset_bug, sqlite_file
from api.errors import Unhealthy
from api.settings import MIN_FREE_BYTES, Settings
from api.version import program_version
from api.worker_registry import live_workers
from nas.cli.answer import Answer
from search_spaces.errors import HwnasError

if TYPE_CHECKING:
    from rich.console import Console

Verdict = Literal["ok", "warning", "wrong"]

_PRIVATE: Final = 0o077


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    verdict: Verdict
    detail: str


def run_checks(settings: Settings) -> list[Finding]:
    """The findings of all checks."""
    return [
        Finding("version", "ok", f"hwnas {program_version()}, Python {platform.python_version()}"),
        *_home(settings),
        *_database(settings),
        *_store(settings),
        _executor(settings),
        *_targets(),
        *_sources(),
    ]


def answer(findings: Sequence[Finding]) -> Answer:
    """The findings as a command's answer.

    Raises:
        Unhealthy: one of them is wrong.
    """
    wrong = [finding for finding in findings if finding.verdict == "wrong"]
    if wrong:
        raise Unhealthy(
            "; ".join(f"{finding.name}: {finding.detail}" for finding in wrong),
            fix="Fix this, then run hwnas doctor again.",
            facts={"findings": [asdict(finding) for finding in findings]},
        )
    document = {
        "ok": True,
        "findings": [asdict(finding) for finding in findings],
    }
    return Answer(document, lambda console: _print(console, findings))


def _home(settings: Settings) -> Iterator[Finding]:
    if not settings.home.is_dir():
        yield Finding("home", "warning", f"{settings.home} does not exist yet; hwnas serve makes it")
        return
    not_writable = [path for path in (settings.home, *settings.folders) if _not_writable(path)]
    if not_writable:
        yield Finding(
            "home",
            "wrong",
            f"this user may not write in {', '.join(map(str, not_writable))}; chown it, or run as its owner",
        )
    if settings.home in not_writable:
        return
    free = shutil.disk_usage(settings.home).free
    verdict: Verdict = "ok" if free > MIN_FREE_BYTES else "wrong"
    yield Finding("disk", verdict, f"{free // 2**20} MiB are free in {settings.home}")
    for path in (settings.home, settings.pepper):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & _PRIVATE:
            yield Finding("permissions", "wrong", f"others can read {path}; chmod go= it")
    if (settings.home / "first-key").exists():
        yield Finding("first key", "warning", f"{settings.home / 'first-key'} still has it; delete the file")


def _not_writable(folder: Path) -> bool:
    """Whether a folder is there and this user cannot work in it."""
    return os.access(folder, os.F_OK) and not os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def _database(settings: Settings) -> Iterator[Finding]:
    file = sqlite_file(settings.database_url)
    try:
        if file is not None and not file.exists():
            yield Finding("database", "warning", f"{file} does not exist yet; hwnas serve makes it")
            return
        if file is not None and not os.access(file, os.R_OK | os.W_OK):
            yield Finding("database", "wrong", f"this user may not write {file}; chown it, or run as its owner")
            return
        database = Database(settings.database_url)
        try:
            yield from _check_database(database)
        finally:
            database.close()
    except HwnasError as error:
        yield Finding("database", "wrong", f"{error.detail} {error.fix}")
    except Exception as error:  # noqa: BLE001 - whatever the driver raises is a finding
        yield Finding("database", "wrong", f"it cannot be opened: {type(error).__name__}")


def _check_database(database: Database) -> Iterator[Finding]:
    yield Finding("database", "ok", database.version())
    if database.kind == "sqlite":
        if has_wal_reset_bug():
            yield Finding(
                "sqlite",
                "warning",
                f"SQLite {sqlite3.sqlite_version} has the WAL-reset bug (fixed in 3.51.3); the WAL is checkpointed by a single "
                "process, which avoids it; keep backups",
            )
        error = database.integrity_error()
        yield Finding("integrity", "wrong" if error else "ok", error or "integrity_check finds nothing")
    with database.read() as connection:
        found = schema.revision(connection)
        verdict: Verdict = "ok" if found == schema.head() else "wrong"
        yield Finding("schema", verdict, f"{found}, this program knows {schema.head()}")
        if verdict == "ok":
            workers = live_workers(connection, 60_000)
            names = ", ".join(sorted({f"{w.host} ({', '.join(w.targets) or 'no target'})" for w in workers}))
            yield Finding("workers", "ok" if workers else "warning", names or "no heartbeat within the last minute")


def _store(settings: Settings) -> Iterator[Finding]:
    """Whether a store outside of the home answers; one in the home is covered by its folders."""
    if settings.store_url is None:
        return
    from nas.files import Files

    try:
        names = Files.at(settings.store_url).names()
    except HwnasError as error:
        yield Finding("store", "wrong", f"{error.detail} {error.fix}")
    except Exception as error:  # noqa: BLE001 - whatever a file system raises is a finding
        yield Finding("store", "wrong", f"{settings.store_url} does not answer: {type(error).__name__}")
    else:
        yield Finding("store", "ok", f"{settings.store_url} answers{'' if names else ', and is empty'}")


def _executor(settings: Settings) -> Finding:
    """Where jobs compute. A cluster is not asked: that takes seconds, and this may run every minute."""
    asked = settings.executor.partition(":")[0] == "ray"
    return Finding("executor", "ok", settings.executor + ("; hwnas cluster status shows its nodes" if asked else ""))


def _targets() -> Iterator[Finding]:
    from hw_targets.registry import targets

    for entry in targets():
        reason = entry.unavailable()
        yield Finding(f"target {entry.name}", "warning" if reason else "ok", reason or "available here")


def _sources() -> Iterator[Finding]:
    from nas.pretrained import INSTALL, SOURCES, file_of, installed

    for source in SOURCES.values():
        name = f"source {source.name}"
        if not installed(source):
            yield Finding(name, "warning", f"not installed; {INSTALL}")
            continue
        try:
            yield Finding(name, "ok", f"installed, {file_of(source).stat().st_size / 1e6:.0f} MB")
        except HwnasError as error:
            yield Finding(name, "wrong", f"{error.detail} {error.fix}")


def _print(console: "Console", findings: Sequence[Finding]) -> None:
    from rich.markup import escape

    from nas.cli.drawing import table

    colours = {"ok": "green", "warning": "yellow", "wrong": "red"}
    rendered = table("check", "", "finding")
    for finding in findings:
        rendered.add_row(finding.name, f"[{colours[finding.verdict]}]{finding.verdict}[/]", escape(finding.detail))
    console.print(rendered)
