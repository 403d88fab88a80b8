"""Routes that tell whether the service lives, is ready, and which it is. They need no key and tell nothing of anyone's work."""

import platform
import shutil
import sqlite3
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from api.database import Database
from api.dependencies import DatabaseValue, SettingsValue, SupervisorValue
from api.errors import ServiceUnavailable
from api.problems import problems
from api.tables import meta

router = APIRouter(tags=["health"])

LEAST_FREE_BYTES: Final = 100 * 1024 * 1024


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Live(_Wire):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(_Wire):
    """The service can take and run jobs."""

    status: Literal["ok"] = "ok"
    database: str = Field(description="kind and version of the database")
    worker: Literal["running", "elsewhere"] = Field(description="`elsewhere` when this server supervises none")
    free_bytes: int = Field(description="left on the disk of the home")
    warnings: tuple[str, ...]


class Version(_Wire):
    """Which program this is."""

    hwnas: str
    python: str
    api: Literal["v1"] = "v1"


@router.get("/livez", operation_id="livez", summary="Whether the process lives", responses=problems())
async def livez() -> Live:
    """Answers without touching the database or the disk."""
    return Live()


@router.get("/readyz", operation_id="readyz", summary="Whether it can work", responses=problems(ServiceUnavailable))
def readyz(database: DatabaseValue, settings: SettingsValue, supervisor: SupervisorValue) -> Ready:
    """Looks at the database, the disk and the worker; 503 says which of them fails."""
    failing = []
    try:
        with database.read() as connection:
            connection.execute(select(meta.c.value)).first()
    except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is the same
        failing.append(f"the database does not answer ({type(error).__name__})")
    free = shutil.disk_usage(settings.home).free
    if free < LEAST_FREE_BYTES:
        failing.append(f"only {free} bytes are free in the home")
    if supervisor is not None and not supervisor.alive():
        failing.append("the worker is not running")
    if failing:
        raise ServiceUnavailable(
            f"Not ready: {'; '.join(failing)}.", fix="See the server's log.", facts={"failing": list(failing)}
        )
    return Ready(
        database=f"sqlite {sqlite3.sqlite_version}" if database.kind == "sqlite" else database.kind,
        worker="running" if supervisor else "elsewhere",
        free_bytes=free,
        warnings=tuple(_warnings(database)),
    )


@router.get("/version", operation_id="version", summary="Which version it is", responses=problems())
async def version() -> Version:
    """Versions of the program and its interface."""
    return Version(hwnas=program_version(), python=platform.python_version())


def program_version() -> str:
    """The installed version of the package."""
    try:
        return installed_version("hwnas")
    except PackageNotFoundError:
        return "0+unknown"


def _warnings(database: Database) -> list[str]:
    """SQLite 3.7.0 to 3.51.2 can, very rarely, damage a database in WAL mode (fixed in 3.51.3)."""
    if database.kind == "sqlite" and sqlite3.sqlite_version_info < (3, 51, 3):
        return [f"SQLite {sqlite3.sqlite_version} has the WAL-reset bug, fixed in 3.51.3; keep backups"]
    return []
