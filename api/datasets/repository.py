"""All statements on data sets."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from api.database import utc_ms
from api.tables import datasets

DatasetRow = Row[Any]


def add(connection: Connection, **values: Any) -> None:
    """Stores a data set."""
    connection.execute(insert(datasets).values(created_at=utc_ms(), **values))


def find(connection: Connection, dataset_id: str) -> DatasetRow | None:
    """A data set."""
    return connection.execute(select(datasets).where(datasets.c.id == dataset_id)).one_or_none()


def page(connection: Connection, *, before: str | None, limit: int) -> Sequence[DatasetRow]:
    """Data sets, newest first, that are older than `before`."""
    query = select(datasets).order_by(datasets.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(datasets.c.id < before)
    return connection.execute(query).all()
