"""All statements on models and their artifacts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from api.database import utc_ms
from api.tables import artifacts, models

ModelRow = Row[Any]


def add(
    connection: Connection,
    model_id: str,
    job_id: str,
    target: str,
    outcome: dict[str, Any],
    files: list[dict[str, Any]],
) -> None:
    """Stores a model with its files (`name`, `sha256`, `size_bytes`, `media_type` each)."""
    connection.execute(
        insert(models).values(id=model_id, job_id=job_id, target=target, outcome=outcome, created_at=utc_ms())
    )
    if files:
        connection.execute(insert(artifacts), [{"model_id": model_id, **file} for file in files])


def find(connection: Connection, model_id: str) -> ModelRow | None:
    """A model."""
    return connection.execute(select(models).where(models.c.id == model_id)).one_or_none()


def page(connection: Connection, *, job_id: str | None, before: str | None, limit: int) -> Sequence[ModelRow]:
    """Models, newest first, that are older than `before`."""
    query = select(models).order_by(models.c.id.desc()).limit(limit)
    if job_id is not None:
        query = query.where(models.c.job_id == job_id)
    if before is not None:
        query = query.where(models.c.id < before)
    return connection.execute(query).all()


def files(connection: Connection, model_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """The artifacts of models, by name."""
    query = select(artifacts).where(artifacts.c.model_id.in_(model_ids)).order_by(artifacts.c.name)
    return connection.execute(query).all()


def file(connection: Connection, model_id: str, name: str) -> Row[Any] | None:
    """One artifact."""
    query = select(artifacts).where(artifacts.c.model_id == model_id, artifacts.c.name == name)
    return connection.execute(query).one_or_none()
