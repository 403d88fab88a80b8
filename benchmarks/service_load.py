"""Loads one server process with many stored jobs: an open-loop mix of reads and creates, saturation, and event streams that drop.

No job runs. For comparison, in the same run, the saturation of a bare application with the same statements (`bare_`).
Not here: faults (`service_faults`).
"""

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import httpx2
from sqlalchemy import insert, select

from api.database import utc_ms
from api.ids import new_id
from api.jobs import events_table
from api.tables import job_events, jobs
from benchmarks.common import Outcome, Row, parser, progress, run
from benchmarks.service_host import Host, hosted
from nas.events import LogEvent
from nas.execution.spawned import child_environment

STREAMED_JOBS: Final = 20
BODY: Final = {"spec": {"kind": "search", "data": "digits", "targets": [{"target": "cpu", "latency_ms": "40%"}]}}

_SETTINGS: Final = {
    "worker": False, "requests_per_s": 1e6, "request_burst": 10**6, "max_queued": 10**6, "stream_life_s": 3600.0,
}  # fmt: skip
_BATCH: Final = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    options = parser("service_load", __doc__ or "")
    options.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite", help="the database")
    options.add_argument("--jobs", type=int, default=100_000, help="how many jobs are stored before")
    options.add_argument("--rate", type=float, default=50.0, help="requests a second of the open-loop generator")
    options.add_argument("--seconds", type=float, default=60.0, help="how long it generates, and each saturation lasts")
    options.add_argument("--clients", type=int, default=200, help="event streams at once")
    options.add_argument("--stream-seconds", type=float, default=300.0, help="how long they are followed")
    return run("service_load", options.parse_args(arguments), measure)


def measure(options: argparse.Namespace) -> Outcome:
    """Runs all parts."""
    with hosted(options.engine, _SETTINGS) as host:
        ids = stored(host, options.jobs)
        progress(f"{len(ids)} jobs stored")
        times = asyncio.run(_open_loop(host, ids, options.rate, options.seconds))
        progress("open loop done")
        saturation = asyncio.run(_closed_loop(str(host.http.base_url), _headers(host), ids, options.seconds / 4))
        with _bare(host) as url:
            bare = asyncio.run(_closed_loop(url, {}, ids, options.seconds / 4))
        progress("saturation done")
        streamed = _streams(host, ids[:STREAMED_JOBS], options.clients, options.stream_seconds)
    ordered = sorted(took for _, took, _ in times)
    summary: dict[str, float | int | None] = {
        "jobs": len(ids),
        "requests": len(times),
        "errors": sum(status >= 400 for _, _, status in times),
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        "saturation_rps": saturation,
        "bare_rps": bare,
        "saturation_share": saturation / bare,
        **streamed,
    }
    rows: list[Row] = []
    for name in sorted({name for name, _, _ in times}):
        mine = sorted(took for kind, took, _ in times if kind == name)
        p99 = 1000 * mine[min(len(mine) - 1, int(len(mine) * 0.99))]
        rows.append({"request": name, "count": len(mine), "p50_ms": 1000 * mine[len(mine) // 2], "p99_ms": p99})
    return Outcome(summary, rows)


def _headers(host: Host) -> dict[str, str]:
    return {"Authorization": host.http.headers["Authorization"]}


def stored(host: Host, count: int) -> list[str]:
    """Ids of jobs that were stored at once: nine in ten have ended."""
    tenant_id = host.http.get("/v1/sessions").json()["tenant_id"]
    ids = [new_id("job") for _ in range(count)]
    fixed: dict[str, Any] = {
        "tenant_id": tenant_id, "kind": "search", "spec": {**BODY["spec"], "space": "mobilenet"}, "spec_version": 1,
        "labels": {}, "max_attempts": 3, "max_duration_ms": 1000, "event_seq": 1,
    }  # fmt: skip
    for start in range(0, count, _BATCH):
        part = ids[start : start + _BATCH]
        with host.database.write() as connection:
            now = connection.scalar(select(utc_ms()))
            rows = [
                {**fixed, "id": job_id, "state": "queued" if n % 10 == 0 else "succeeded", "created_at": now}
                for n, job_id in enumerate(part)
            ]
            connection.execute(insert(jobs), rows)
            event = {"seq": 1, "epoch": 0, "at": now, "type": "state", "data": '{"type":"state","state":"queued"}'}
            connection.execute(insert(job_events), [{**event, "job_id": job_id} for job_id in part])
    return ids


def _request(rng: random.Random, ids: Sequence[str]) -> tuple[str, str, str, Any]:
    """Name, method, path and body: four in ten lists, four single jobs, one page of events, one create."""
    draw, job_id = rng.random(), rng.choice(ids)
    if draw < 0.4:
        return "list", "GET", "/v1/jobs?page_size=20", None
    if draw < 0.8:
        return "get", "GET", f"/v1/jobs/{job_id}", None
    if draw < 0.9:
        return "events", "GET", f"/v1/jobs/{job_id}/events?page_size=50", None
    return "create", "POST", "/v1/jobs", BODY


async def _open_loop(host: Host, ids: Sequence[str], rate: float, seconds: float) -> list[tuple[str, float, int]]:
    """Requests at set moments, however slow the answers; each with its time from the moment it was due."""
    rng, found = random.Random(0), list[tuple[str, float, int]]()
    limits = httpx2.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx2.AsyncClient(
        base_url=str(host.http.base_url), headers=_headers(host), timeout=60, limits=limits
    ) as http:
        started = time.perf_counter()

        async def ask(due: float) -> None:
            name, method, path, body = _request(rng, ids)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            answer = await http.request(method, path, json=body)
            found.append((name, time.perf_counter() - due, answer.status_code))

        await asyncio.gather(*(ask(started + number / rate) for number in range(int(rate * seconds))))
    return found


async def _closed_loop(url: str, headers: dict[str, str], ids: Sequence[str], seconds: float) -> float:
    """Requests a second of 16 clients that send the next request at once."""
    until, done = time.perf_counter() + seconds, 0

    async def client(seed: int) -> None:
        nonlocal done
        rng = random.Random(seed)
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=60) as http:
            while time.perf_counter() < until:
                _, method, path, body = _request(rng, ids)
                await http.request(method, path, json=body)
                done += 1

    started = time.perf_counter()
    await asyncio.gather(*(client(seed) for seed in range(16)))
    return done / (time.perf_counter() - started)


@contextlib.contextmanager
def _bare(host: Host) -> Iterator[str]:
    """The address of a bare application on the same database."""
    command = [sys.executable, "-m", "benchmarks.bare_service", host.settings.database_url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=child_environment())  # noqa: S603 (a module of ours)
    assert process.stdout is not None
    try:
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _streams(host: Host, followed: Sequence[str], clients: int, seconds: float) -> dict[str, float | int | None]:
    """Follows jobs while events are stored, with random drops; what was lost or doubled, and how much memory the server took."""
    stop = threading.Event()
    writer = threading.Thread(target=_write, args=(host, followed, stop), daemon=True)
    writer.start()
    memory: list[tuple[float, int]] = []
    try:
        lost, doubled, seen = asyncio.run(_follow_all(host, followed, clients, seconds, memory))
    finally:
        stop.set()
        writer.join()
    after_first = [size for at, size in memory if at >= min(60.0, seconds / 5)]
    growth = after_first[-1] / after_first[0] - 1 if len(after_first) > 1 else None
    return {"sse_events": seen, "sse_lost": lost, "sse_duplicated": doubled, "sse_memory_growth": growth}


def _write(host: Host, followed: Sequence[str], stop: threading.Event) -> None:
    number = 0
    while not stop.wait(0.05):
        number += 1
        with host.database.write() as connection:
            told = LogEvent(level="info", message=str(number))
            events_table.append(connection, followed[number % len(followed)], [told])


async def _follow_all(
    host: Host, followed: Sequence[str], clients: int, seconds: float, memory: list[tuple[float, int]]
) -> tuple[int, int, int]:
    until, started = time.monotonic() + seconds, time.monotonic()
    limits = httpx2.Limits(max_connections=clients + 10)
    url = str(host.http.base_url)
    async with httpx2.AsyncClient(base_url=url, headers=_headers(host), timeout=60, limits=limits) as http:

        async def watch() -> None:
            while time.monotonic() < until:
                memory.append((time.monotonic() - started, host.memory_bytes()))
                await asyncio.sleep(1)

        found = await asyncio.gather(
            *(_follow(http, followed[n % len(followed)], random.Random(n), until) for n in range(clients)), watch()
        )
    pairs = [one for one in found if one is not None]
    return sum(p[0] for p in pairs), sum(p[1] for p in pairs), sum(p[2] for p in pairs)


async def _follow(http: httpx2.AsyncClient, job_id: str, rng: random.Random, until: float) -> tuple[int, int, int]:
    """One client: reads, drops its connection now and then, and resumes from the last number."""
    last = lost = doubled = seen = 0
    while time.monotonic() < until:
        leave = min(until, time.monotonic() + rng.uniform(0.5, 20))
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
        with contextlib.suppress(TimeoutError, httpx2.HTTPError):
            async with (
                asyncio.timeout(max(0.01, leave - time.monotonic())),
                http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as stream,
            ):
                async for line in stream.aiter_lines():
                    if line.startswith("id: "):
                        number = int(line[4:])
                        lost += max(0, number - last - 1)
                        doubled += number <= last
                        last, seen = number, seen + 1
    return lost, doubled, seen


if __name__ == "__main__":
    sys.exit(main())
