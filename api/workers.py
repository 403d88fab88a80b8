"""The workers that run now: who they are, and which targets each can measure. They tell so themselves, while they live."""

import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from api.database import utc_ms
from api.tables import workers
from api.version import program_version
from hw_targets.target import TargetInfo

log = logging.getLogger("hwnas.worker")

GONE_MS: Final = 24 * 3600 * 1000
LIVING_MS: Final = 60_000
"""A worker that spoke within this time is taken to live."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker.

    Attributes:
        can: each target that it can measure, by its name, without options.
        version: of the program.
    """

    id: str
    can: Mapping[str, TargetInfo]
    host: str = socket.gethostname()[:100]
    version: str = field(default_factory=program_version)

    @property
    def targets(self) -> dict[str, str]:
        """Fingerprint of the device of each target."""
        return {name: info.fingerprint for name, info in self.can.items()}

    @property
    def simulated(self) -> frozenset[str]:
        """The targets among them that need no device: they say the same on every machine."""
        return frozenset(name for name, info in self.can.items() if info.kind == "simulated")

    @property
    def devices(self) -> dict[str, dict[str, str]]:
        """What is known of each device, by its fingerprint."""
        return {info.fingerprint: {"device": info.device, "kind": info.kind} for info in self.can.values()}


def seen(connection: Connection, worker: WorkerInfo) -> None:
    """Notes that a worker lives."""
    changed = update(workers).where(workers.c.id == worker.id).values(seen_at=utc_ms())
    if connection.execute(changed).rowcount == 0:
        connection.execute(
            insert(workers).values(
                id=worker.id,
                host=worker.host,
                version=worker.version,
                targets=worker.targets,
                devices=worker.devices,
                started_at=utc_ms(),
                seen_at=utc_ms(),
            )
        )


def gone(connection: Connection, worker_id: str) -> None:
    """Notes that a worker ended."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def living(connection: Connection, within_ms: int = LIVING_MS) -> list[Row[Any]]:
    """Workers that spoke within so many milliseconds."""
    return list(connection.execute(select(workers).where(workers.c.seen_at > utc_ms() - within_ms)).all())


def drop_old(connection: Connection) -> None:
    """Forgets workers that have not spoken for a day."""
    connection.execute(delete(workers).where(workers.c.seen_at < utc_ms() - GONE_MS))


def measurable() -> dict[str, TargetInfo]:
    """Each target that this machine can measure, by name; one that fails at it cannot."""
    from hw_targets.registry import target, targets

    found: dict[str, TargetInfo] = {}
    for entry in targets():
        try:
            if not entry.unavailable():
                found[entry.name] = target(entry.name).info
        except Exception:
            log.exception("cannot tell whether the target %s can be measured here", entry.name)
    return found
