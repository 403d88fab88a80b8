"""All statements on what users upload for jobs to read: data sets, and trained networks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Row, Table, delete, insert, select

from api.database import utc_ms
from api.job_states import ENDED
from api.tables import dataset_uses, datasets, jobs, network_uses, networks
from api.tenancy import readable

UploadRow = Row[Any]


@dataclass(frozen=True)
class UploadRows:
    """The rows of one kind of uploads.

    Attributes:
        table: of the uploads.
        use: of the table of the jobs that read them, the column with the upload's id.
    """

    table: Table
    use: Column[Any]

    def add(self, connection: Connection, **values: Any) -> None:
        """Stores an upload."""
        connection.execute(insert(self.table).values(created_at=utc_ms(), **values))

    def find(self, connection: Connection, tenant_id: str, upload_id: str) -> UploadRow | None:
        """An upload of a tenant."""
        query = readable(self.table, tenant_id).where(self.table.c.id == upload_id)
        return connection.execute(query).one_or_none()

    def page(self, connection: Connection, tenant_id: str, *, before: str | None, limit: int) -> Sequence[UploadRow]:
        """Uploads of a tenant, newest first, that are older than `before`."""
        query = readable(self.table, tenant_id).order_by(self.table.c.id.desc()).limit(limit)
        return connection.execute(query if before is None else query.where(self.table.c.id < before)).all()

    def add_uses(self, connection: Connection, job_id: str, upload_ids: Iterable[str]) -> None:
        """Stores that a job reads these."""
        for upload_id in sorted(set(upload_ids)):
            connection.execute(insert(self.use.table).values({"job_id": job_id, self.use.name: upload_id}))

    def jobs_using(self, connection: Connection, upload_id: str) -> list[str]:
        """Ids of jobs that have not ended and read the upload."""
        query = (
            select(jobs.c.id)
            .join(self.use.table, self.use.table.c.job_id == jobs.c.id)
            .where(self.use == upload_id, jobs.c.state.not_in(ENDED))
        )
        return list(connection.scalars(query))

    def remove(self, connection: Connection, tenant_id: str, upload_id: str) -> None:
        """Removes an upload."""
        connection.execute(delete(self.table).where(self.table.c.tenant_id == tenant_id, self.table.c.id == upload_id))


DATASETS: Final = UploadRows(datasets, dataset_uses.c.dataset_id)
NETWORKS: Final = UploadRows(networks, network_uses.c.network_id)
