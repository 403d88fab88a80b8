"""Quotas of a tenant: unfinished jobs and stored bytes. Checked in the transaction that adds something."""

from typing import Any

from sqlalchemy import Connection, func, select

from api.errors import QuotaExceeded
from api.job_states import ENDED
from api.settings import Settings
from api.tables import artifacts, datasets, job_artifacts, jobs, models, networks
from api.tenancy import lock_tenant


class Quotas:
    """The limits of the settings, where a tenant has none of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def lock_limits(self, connection: Connection, tenant_id: str) -> dict[str, Any]:
        """The limits of a tenant; no other transaction adds anything to it until this one ends."""
        own = lock_tenant(connection, tenant_id)
        return {
            "max_queued": own.get("max_queued", self._settings.max_queued),
            "max_stored_bytes": own.get("max_stored_bytes", self._settings.max_stored_bytes),
        }

    def check_jobs(self, connection: Connection, tenant_id: str, searches: int = 1) -> None:
        """Checks that one more job may be queued, which counts as so many.

        Raises:
            QuotaExceeded: it may not.
        """
        limit = self.lock_limits(connection, tenant_id)["max_queued"]
        unfinished = unfinished_jobs(connection, tenant_id)
        if unfinished + searches <= limit:
            return
        facts = {"max_queued": limit, "unfinished": unfinished, "searches": searches}
        if searches == 1:
            raise QuotaExceeded(
                f"The tenant has {limit} jobs that have not ended.",
                fix="Wait until some have ended, or cancel some.",
                facts=facts,
            )
        raise QuotaExceeded(
            f"The batch has {searches} cells; with {unfinished} unfinished jobs, that is more than the tenant's {limit}.",
            fix="Leave out some of its entries, split it, or wait until other jobs have ended.",
            facts=facts,
        )

    def check_bytes(self, connection: Connection, tenant_id: str, more: int) -> None:
        """Checks that so many more bytes may be stored.

        Raises:
            QuotaExceeded: they may not.
        """
        limit = self.lock_limits(connection, tenant_id)["max_stored_bytes"]
        stored = stored_bytes(connection, tenant_id)
        if stored + more > limit:
            raise QuotaExceeded(
                f"The tenant stores {stored} of {limit} bytes; {more} more are too many.",
                fix="Delete data sets, networks or models.",
                facts={"stored_bytes": stored, "max_stored_bytes": limit},
            )


def unfinished_jobs(connection: Connection, tenant_id: str) -> int:
    """How many jobs of a tenant have not ended; a batch counts as its cells."""
    query = select(func.coalesce(func.sum(jobs.c.searches), 0)).where(
        jobs.c.tenant_id == tenant_id, jobs.c.state.not_in(ENDED)
    )
    return int(connection.execute(query).scalar_one())


def stored_bytes(connection: Connection, tenant_id: str) -> int:
    """Bytes of a tenant's data sets and networks, and of its models' and batches' files."""
    uploads = [
        select(func.coalesce(func.sum(table.c.size_bytes), 0)).where(table.c.tenant_id == tenant_id)
        for table in (datasets, networks)
    ]
    files = (
        select(func.coalesce(func.sum(artifacts.c.size_bytes), 0))
        .join(models, models.c.id == artifacts.c.model_id)
        .where(models.c.tenant_id == tenant_id)
    )
    reports = (
        select(func.coalesce(func.sum(job_artifacts.c.size_bytes), 0))
        .join(jobs, jobs.c.id == job_artifacts.c.job_id)
        .where(jobs.c.tenant_id == tenant_id)
    )
    return sum(int(connection.execute(query).scalar_one()) for query in (*uploads, files, reports))
