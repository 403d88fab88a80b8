"""Liveness, readiness and version. These routes need no key and reveal nothing of anyone's work."""

import platform
import shutil
import sqlite3
from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from api import schema
from api.database import Database, has_wal_reset_bug
from api.dependencies import DatabaseValue, SettingsValue, SupervisorValue
from api.errors import ServiceUnavailable
from api.problems import problems
from api.settings import MIN_FREE_BYTES
from api.version import program_version
from api.wire import WireModel, examples
from api.worker_registry import live_workers

router = APIRouter(tags=["health"])


class Live(WireModel):
    """The process answers."""

    model_config = examples({"status": "ok"})

    status: Literal["ok"] = "ok"


class Ready(WireModel):
    """The service can take and run jobs."""

    model_config = examples(
        {
            "status": "ok", "database": "sqlite 3.51.3", "schema_version": "v0003", "worker": "running", "workers": 1,
            "free_bytes": 10**11, "warnings": [],
        }
    )  # fmt: skip

    status: Literal["ok"] = "ok"
    database: str = Field(description="kind and version of the database")
    schema_version: str = Field(description="of the database, as the program expects it")
    worker: Literal["running", "elsewhere"] = Field(description="`elsewhere` when this server supervises none")
    workers: int = Field(description="with a heartbeat within the last minute, of any server")
    free_bytes: int = Field(description="left on the disk of the home")
    warnings: tuple[str, ...]


class Version(WireModel):
    """Which program this is."""

    model_config = examples({"hwnas": "0.1.0", "python": "3.11.2", "api": "v1"})

    hwnas: str
    python: str
    api: Literal["v1"] = "v1"


@router.get("/livez", operation_id="livez", summary="Whether the process lives", responses=problems(public=True))
async def livez() -> Live:
    """Answers without touching the database or the disk."""
    return Live()


@router.get(
    "/readyz", operation_id="readyz", summary="Whether it can work", responses=problems(ServiceUnavailable, public=True)
)
def readyz(database: DatabaseValue, settings: SettingsValue, supervisor: SupervisorValue) -> Ready:
    """Looks at the database, the disk and the worker; 503 says which of them fails."""
    failing, workers = [], 0
    try:
        with database.read() as connection:
            schema.check(connection)
            workers = len(live_workers(connection, 60_000))
    except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is the same
        failing.append(f"the database does not answer ({type(error).__name__})")
    free = shutil.disk_usage(settings.home).free
    if free < MIN_FREE_BYTES:
        failing.append(f"only {free} bytes are free in the home")
    if supervisor is not None and not supervisor.alive():
        failing.append("the worker is not running")
    if failing:
        raise ServiceUnavailable(
            f"Not ready: {'; '.join(failing)}.", fix="See the server's log.", facts={"failing": list(failing)}
        )
    return Ready(
        database=database.version(),
        schema_version=schema.head(),
        worker="running" if supervisor else "elsewhere",
        workers=workers,
        free_bytes=free,
        warnings=tuple(_warnings(database)),
    )


@router.get("/version", operation_id="version", summary="Which version it is", responses=problems(public=True))
async def version() -> Version:
    """Versions of the program and its interface."""
    return Version(hwnas=program_version(), python=platform.python_version())


def _warnings(database: Database) -> list[str]:
    """SQLite 3.7.0 to 3.51.2 can, very rarely, damage a database in WAL mode (fixed in 3.51.3)."""
    if database.kind == "sqlite" and has_wal_reset_bug():
        return [
            f"SQLite {sqlite3.sqlite_version} has the WAL-reset bug, fixed in 3.51.3; one process checkpoints the WAL; keep backups"
        ]
    return []
