"""A tenant's fair share of a cluster: its workers, divided by the tenants that have running jobs, and by the running jobs of its own."""

import logging
import time
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from api.database import Database
from api.job_states import LEASED
from api.tables import jobs

log = logging.getLogger("hwnas.worker")

CHECK_S: Final = 2.0
"""How often the running jobs are counted."""


class FairShare:
    """The share of one job. It grows and shrinks as other jobs end and start."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._parts = 1
        self._checked = float("-inf")

    def of(self, workers: int) -> int:
        """How many of a cluster's workers the job may have now, at least 1."""
        if time.monotonic() - self._checked > CHECK_S:
            self._checked = time.monotonic()
            try:
                self._parts = self._count()
            except DBAPIError:
                log.exception("the running jobs could not be counted; the share stays")
        return max(1, workers // self._parts)

    def _count(self) -> int:
        """Into how many equal parts the cluster is divided for this job."""
        own = func.count().filter(jobs.c.tenant_id == self._tenant_id)
        query = select(func.count(jobs.c.tenant_id.distinct()), own).where(jobs.c.state.in_(LEASED))
        with self._database.read() as connection:
            tenants, running = connection.execute(query).one()
        return max(1, tenants) * max(1, running)
