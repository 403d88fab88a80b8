"""A bare Starlette application with the statements of the service's busiest routes and nothing else: no keys, no checks, no models.

`service_load` compares the service with it. Run as `python -m benchmarks.bare_service URL`.
"""

import asyncio
import json
import socket
import sys
from typing import Any

import uvicorn
from sqlalchemy import insert, select
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.database import Database, utc_ms
from api.ids import new_id
from api.tables import job_events, jobs, tenants


def application(database: Database) -> Starlette:
    """The application."""

    def listed() -> list[dict[str, Any]]:
        with database.read() as connection:
            return [
                dict(row) for row in connection.execute(select(jobs).order_by(jobs.c.id.desc()).limit(20)).mappings()
            ]

    def one(job_id: str) -> dict[str, Any]:
        with database.read() as connection:
            return dict(connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().one())

    def told(job_id: str) -> list[dict[str, Any]]:
        query = select(job_events).where(job_events.c.job_id == job_id).order_by(job_events.c.seq).limit(50)
        with database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def made(spec: dict[str, Any]) -> dict[str, Any]:
        job_id = new_id("job")
        with database.write() as connection:
            tenant_id = connection.scalar(select(tenants.c.id))
            connection.execute(
                insert(jobs).values(
                    id=job_id, tenant_id=tenant_id, kind="search", spec=spec, spec_version=1, labels={}, state="queued",
                    max_attempts=3, max_duration_ms=1000, event_seq=1, created_at=utc_ms(),
                )
            )  # fmt: skip
            connection.execute(
                insert(job_events).values(
                    job_id=job_id, seq=1, epoch=0, at=utc_ms(), type="state", data='{"type":"state"}'
                )
            )
        return one(job_id)

    async def many(request: Request) -> Response:
        if request.method == "POST":
            return JSONResponse(await run_in_threadpool(made, await request.json()), 201)
        return JSONResponse({"items": await run_in_threadpool(listed)})

    async def single(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(one, request.path_params["job_id"]))

    async def events(request: Request) -> Response:
        return JSONResponse({"items": await run_in_threadpool(told, request.path_params["job_id"])})

    return Starlette(
        routes=[
            Route("/v1/jobs", many, methods=["GET", "POST"]),
            Route("/v1/jobs/{job_id}", single),
            Route("/v1/jobs/{job_id}/events", events),
        ]
    )


def serve(url: str) -> None:
    """Serves on a free port, whose address it prints."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    config = uvicorn.Config(application(Database(url)), log_level="warning", access_log=False)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    serve(sys.argv[1])
