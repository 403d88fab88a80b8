"""The workers that run now: who they are, and which targets each can measure. They tell so themselves, while they live."""

import logging
import platform
import socket
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from api.database import utc_ms
from api.tables import workers

log = logging.getLogger("hwnas.worker")

GONE_MS: Final = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker.

    Attributes:
        targets: fingerprint of the device of each target that it can measure.
    """

    id: str
    targets: dict[str, str]
    host: str = socket.gethostname()[:100]
    version: str = platform.python_version()


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
                started_at=utc_ms(),
                seen_at=utc_ms(),
            )
        )


def gone(connection: Connection, worker_id: str) -> None:
    """Notes that a worker ended."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def living(connection: Connection, within_ms: int) -> list[Row[Any]]:
    """Workers that spoke within so many milliseconds."""
    return list(connection.execute(select(workers).where(workers.c.seen_at > utc_ms() - within_ms)).all())


def drop_old(connection: Connection) -> None:
    """Forgets workers that have not spoken for a day."""
    connection.execute(delete(workers).where(workers.c.seen_at < utc_ms() - GONE_MS))


def measurable() -> dict[str, str]:
    """Fingerprint of the device of each target that this machine can measure; one that fails at it cannot."""
    from hw_targets.registry import target, targets

    found = {}
    for entry in targets():
        try:
            if not entry.unavailable():
                found[entry.name] = target(entry.name).info.fingerprint
        except Exception:
            log.exception("cannot tell whether the target %s can be measured here", entry.name)
    return found
