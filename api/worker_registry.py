"""The running workers, and which targets each can measure. Each records itself by a heartbeat."""

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

RETENTION_MS: Final = 24 * 3600 * 1000
HEARTBEAT_TIMEOUT_MS: Final = 60_000
"""A worker whose last heartbeat is older counts as dead."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker.

    Attributes:
        targets_info: each target that it can measure, by its name without options.
        version: of the program.
    """

    id: str
    targets_info: Mapping[str, TargetInfo]
    host: str = socket.gethostname()[:100]
    version: str = field(default_factory=program_version)

    @property
    def targets(self) -> dict[str, str]:
        """Fingerprint of the device of each target."""
        return {name: info.fingerprint for name, info in self.targets_info.items()}

    @property
    def simulated(self) -> frozenset[str]:
        """The targets among them that need no device: they give the same latencies on every machine."""
        return frozenset(name for name, info in self.targets_info.items() if info.kind == "simulated")

    @property
    def devices(self) -> dict[str, dict[str, str]]:
        """What is known of each device, by its fingerprint."""
        return {info.fingerprint: {"device": info.device, "kind": info.kind} for info in self.targets_info.values()}


def record_heartbeat(connection: Connection, worker: WorkerInfo) -> None:
    """Records that a worker is alive."""
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


def remove(connection: Connection, worker_id: str) -> None:
    """Removes a worker that has ended."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def live_workers(connection: Connection, within_ms: int = HEARTBEAT_TIMEOUT_MS) -> list[Row[Any]]:
    """Workers with a heartbeat within so many milliseconds."""
    return list(connection.execute(select(workers).where(workers.c.seen_at > utc_ms() - within_ms)).all())


def delete_old(connection: Connection) -> None:
    """Deletes workers without a heartbeat for a day."""
    connection.execute(delete(workers).where(workers.c.seen_at < utc_ms() - RETENTION_MS))


def measurable_targets() -> dict[str, TargetInfo]:
    """The targets that this machine can measure, by name. One whose check fails is left out."""
    from hw_targets.registry import target, targets

    found: dict[str, TargetInfo] = {}
    for entry in targets():
        try:
            if not entry.unavailable():
                found[entry.name] = target(entry.name).info
        except Exception:
            log.exception("cannot check whether the target %s can be measured here", entry.name)
    return found
