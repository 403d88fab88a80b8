"""All statements on trained networks of users."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from api.database import utc_ms
from api.job_states import ENDED
from api.tables import jobs, network_uses, networks
from api.tenancy import readable

NetworkRow = Row[Any]


def add(connection: Connection, **values: Any) -> None:
    """Stores a network."""
    connection.execute(insert(networks).values(created_at=utc_ms(), **values))


def find(connection: Connection, tenant_id: str, network_id: str) -> NetworkRow | None:
    """A network of a tenant."""
    return connection.execute(readable(networks, tenant_id).where(networks.c.id == network_id)).one_or_none()


def page(connection: Connection, tenant_id: str, *, before: str | None, limit: int) -> Sequence[NetworkRow]:
    """Networks of a tenant, newest first, that are older than `before`."""
    query = readable(networks, tenant_id).order_by(networks.c.id.desc()).limit(limit)
    return connection.execute(query if before is None else query.where(networks.c.id < before)).all()


def jobs_using(connection: Connection, network_id: str) -> list[str]:
    """Ids of jobs that have not ended and start from the network."""
    query = (
        select(jobs.c.id)
        .join(network_uses, network_uses.c.job_id == jobs.c.id)
        .where(network_uses.c.network_id == network_id, jobs.c.state.not_in(ENDED))
    )
    return list(connection.scalars(query))


def remove(connection: Connection, tenant_id: str, network_id: str) -> None:
    """Removes a network."""
    connection.execute(delete(networks).where(networks.c.tenant_id == tenant_id, networks.c.id == network_id))
