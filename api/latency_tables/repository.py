"""All statements on latency tables."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert

from api.database import utc_ms
from api.ids import new_id
from api.tables import latency_tables
from api.tenancy import readable


def add(connection: Connection, tenant_id: str, job_id: str, summary: dict[str, Any]) -> None:
    """Stores what is known of a table that a job measured."""
    connection.execute(
        insert(latency_tables).values(
            tenant_id=tenant_id,
            id=new_id("lat"),
            job_id=job_id,
            target=summary["target"],
            summary=summary,
            created_at=utc_ms(),
        )
    )


def page(connection: Connection, tenant_id: str, target: str, *, before: str | None, limit: int) -> Sequence[Row[Any]]:
    """Tables of a tenant for a target with any options, newest first."""
    mine = readable(latency_tables, tenant_id)
    column = latency_tables.c.target
    query = mine.where((column == target) | column.startswith(f"{target}:", autoescape=True))
    query = query.order_by(latency_tables.c.id.desc()).limit(limit)
    return connection.execute(query if before is None else query.where(latency_tables.c.id < before)).all()
