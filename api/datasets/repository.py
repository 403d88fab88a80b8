"""All statements on data sets."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from api.database import utc_ms
from api.job_states import ENDED
from api.tables import dataset_uses, datasets, jobs
from api.tenancy import readable

DatasetRow = Row[Any]


def add(connection: Connection, **values: Any) -> None:
    """Stores a data set."""
    connection.execute(insert(datasets).values(created_at=utc_ms(), **values))


def find(connection: Connection, tenant_id: str, dataset_id: str) -> DatasetRow | None:
    """A data set of a tenant."""
    return connection.execute(readable(datasets, tenant_id).where(datasets.c.id == dataset_id)).one_or_none()


def page(connection: Connection, tenant_id: str, *, before: str | None, limit: int) -> Sequence[DatasetRow]:
    """Data sets of a tenant, newest first, that are older than `before`."""
    query = readable(datasets, tenant_id).order_by(datasets.c.id.desc()).limit(limit)
    return connection.execute(query if before is None else query.where(datasets.c.id < before)).all()


def jobs_using(connection: Connection, dataset_id: str) -> list[str]:
    """Ids of jobs that have not ended and read the data set."""
    query = (
        select(jobs.c.id)
        .join(dataset_uses, dataset_uses.c.job_id == jobs.c.id)
        .where(dataset_uses.c.dataset_id == dataset_id, jobs.c.state.not_in(ENDED))
    )
    return list(connection.scalars(query))


def remove(connection: Connection, tenant_id: str, dataset_id: str) -> None:
    """Removes a data set."""
    connection.execute(delete(datasets).where(datasets.c.tenant_id == tenant_id, datasets.c.id == dataset_id))
