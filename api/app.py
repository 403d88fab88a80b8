"""The application factory: settings in, an ASGI application out. Not here: sockets and signals (`serve.py`)."""

import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool

from api import dashboard_files, problems
from api.blobs import BlobStore
from api.database import Database
from api.datasets.service import Datasets
from api.jobs.service import Jobs
from api.jobs.specs import KINDS
from api.keys.service import Keys
from api.maintenance import Maintenance
from api.middleware import RequestGuard, allowed_hosts
from api.models.service import Models
from api.networks.service import Networks
from api.query_parameters import reject_unknown_parameters
from api.rate_limiter import RateLimiter
from api.routes import (
    catalogue,
    dashboard,
    datasets,
    health,
    job_artifacts,
    job_events,
    jobs,
    keys,
    latency_tables,
    models,
    networks,
    plain_pages,
)
from api.routes.public import require_authentication
from api.settings import Settings
from api.supervisor import Supervisor
from api.tenant_limiter import TenantLimiter
from api.version import program_version
from search_spaces.errors import HwnasError

LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")

ROUTERS: Final = (
    jobs.router, job_events.router, job_artifacts.router, datasets.router, networks.router, models.router, keys.router,
    catalogue.router, latency_tables.router, health.router, plain_pages.router, dashboard.router,
)  # fmt: skip
"""Every route of the service."""

MAX_CONCURRENT: Final = 2
"""How many uploads are checked at the same time, and how many jobs are estimated; others wait."""

_DESCRIPTION: Final = """Finds the most accurate INT8 network that keeps a latency budget on your hardware.

Queue a job with `POST /v1/jobs`, follow `GET /v1/jobs/{id}/events`, download from `GET /v1/models/{id}/artifacts/{name}`."""


def create_app(settings: Settings) -> FastAPI:
    """The application. Folders, database and worker are created when it starts, not here."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(_start, app, settings)
        try:
            yield
        finally:
            app.state.stopping.set()
            await run_in_threadpool(_stop, app)

    app = FastAPI(
        title="hwnas",
        version=program_version(),
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.stopping = threading.Event()
    app.state.upload_limiter = TenantLimiter(MAX_CONCURRENT)
    app.state.estimate_limiter = TenantLimiter(MAX_CONCURRENT)
    app.state.rate_limiter = RateLimiter(settings.requests_per_s, settings.request_burst)
    hosts = allowed_hosts({*LOCAL_HOSTS, _url_host(settings.host)}, settings.port)
    app.add_middleware(RequestGuard, settings=settings, hosts=hosts | {name.lower() for name in settings.allowed_hosts})
    problems.add_handlers(app, {"spec": KINDS})
    for router in ROUTERS:
        require_authentication(router.routes)
        app.include_router(router, dependencies=[Depends(reject_unknown_parameters)])
    return app


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _start(app: FastAPI, settings: Settings) -> None:
    settings.make_folders()
    database = Database(settings.database_url)
    if database.kind == "sqlite":  # no other server uses the home
        shutil.rmtree(settings.incoming)
        settings.incoming.mkdir(mode=0o700)
    app.state.database = database
    try:
        database.migrate()
        app.state.keys = Keys.open(database, settings.pepper)
    except HwnasError:
        database.close()
        raise
    app.state.jobs = Jobs(database, settings)
    app.state.event_tail = job_events.EventTail(app.state.jobs, settings.stream_poll_s)
    app.state.datasets = Datasets(database, settings)
    app.state.networks = Networks(database, settings)
    app.state.models = Models(database, BlobStore(settings.artifacts))
    app.state.dashboard = dashboard_files.read_dashboard(dashboard_files.DIST)
    app.state.supervisor = Supervisor(database, settings) if settings.worker else None
    if app.state.supervisor is not None:
        app.state.supervisor.start()
    app.state.maintenance = Maintenance(database, settings)
    app.state.maintenance.start()


def _stop(app: FastAPI) -> None:
    if app.state.supervisor is not None:
        app.state.supervisor.stop()
    app.state.maintenance.stop()
    app.state.database.close()
