"""All statements on models and their artifacts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from api.database import utc_ms
from api.tables import artifacts, job_artifacts, models
from api.tenancy import readable

ModelRow = Row[Any]


def add(
    connection: Connection,
    tenant_id: str,
    model_id: str,
    job_id: str,
    target: str,
    outcome: dict[str, Any],
    files: list[dict[str, Any]],
    *,
    cell: str = "",
) -> None:
    """Stores a model with its files (`name`, `sha256`, `size_bytes`, `media_type` each), and its cell where a batch delivered it."""
    values = {"tenant_id": tenant_id, "job_id": job_id, "target": target, "cell": cell, "outcome": outcome}
    connection.execute(insert(models).values(id=model_id, created_at=utc_ms(), **values))
    if files:
        connection.execute(insert(artifacts), [{"model_id": model_id, **file} for file in files])


def find(connection: Connection, tenant_id: str, model_id: str) -> ModelRow | None:
    """A model of a tenant."""
    return connection.execute(readable(models, tenant_id).where(models.c.id == model_id)).one_or_none()


def page(
    connection: Connection, tenant_id: str, *, job_id: str | None, before: str | None, limit: int
) -> Sequence[ModelRow]:
    """Models of a tenant, newest first, that are older than `before`."""
    query = readable(models, tenant_id).order_by(models.c.id.desc()).limit(limit)
    if job_id is not None:
        query = query.where(models.c.job_id == job_id)
    return connection.execute(query if before is None else query.where(models.c.id < before)).all()


def remove(connection: Connection, tenant_id: str, model_id: str) -> None:
    """Removes a model with the list of its files; the files themselves are deleted when no artifact references them."""
    connection.execute(delete(models).where(models.c.tenant_id == tenant_id, models.c.id == model_id))


def referenced(connection: Connection, hashes: Sequence[str]) -> set[str]:
    """The hashes among these that an artifact of a model or a job has."""
    named = (select(table.c.sha256).where(table.c.sha256.in_(hashes)) for table in (artifacts, job_artifacts))
    return {sha256 for query in named for sha256 in connection.scalars(query)}


def files(connection: Connection, model_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """The artifacts of models, by name."""
    query = select(artifacts).where(artifacts.c.model_id.in_(model_ids)).order_by(artifacts.c.name)
    return connection.execute(query).all()


def file(connection: Connection, tenant_id: str, model_id: str, name: str) -> Row[Any] | None:
    """One artifact of a tenant's model."""
    query = (
        select(artifacts)
        .join(models, models.c.id == artifacts.c.model_id)
        .where(models.c.tenant_id == tenant_id, artifacts.c.model_id == model_id, artifacts.c.name == name)
    )
    return connection.execute(query).one_or_none()
