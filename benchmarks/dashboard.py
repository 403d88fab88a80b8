"""The dashboard in a browser: weight and time of the first view, time of an update among many candidates, memory of a live page.

The service, its database and the browser (Chromium, on this machine) are real. The jobs of the first view and the candidates of the
update are stored beforehand; the live page follows a search with the real engine. Not here: the service without a page (`service_load`).
"""

import argparse
import contextlib
import gzip
import random
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from playwright.sync_api import BrowserContext, Page, Response
from sqlalchemy import select, update

from api.database import utc_ms
from api.jobs.events_table import append
from api.tables import jobs
from api.testing.browser import browsing, signed_in
from benchmarks.common import Outcome, Row, parser, progress, run
from benchmarks.service_host import Host, hosted
from benchmarks.service_load import stored
from nas.events import CandidateEvent, FrontEvent, FrontPoint, StateEvent
from nas.metric import MetricValue

BUDGET_MS: Final = 1.0
SETTINGS: Final = {"requests_per_s": 1e6, "request_burst": 10**6, "max_queued": 10**6, "stream_life_s": 3600.0}
SEARCH: Final[dict[str, Any]] = {
    "kind": "search", "data": "digits", "space": "mobilenet", "targets": [{"target": "cpu", "latency_ms": "40%"}],
}  # fmt: skip
UPDATES: Final = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    options = parser("dashboard", __doc__ or "")
    options.add_argument(
        "--jobs", type=int, default=100, help="how many jobs the first view selects from; 0: no first view"
    )
    options.add_argument(
        "--candidates", type=int, default=10_000, help="how many candidates a job has before the updates"
    )
    options.add_argument(
        "--minutes", type=float, default=30.0, help="how long a live job's page stays open; 0: not at all"
    )
    return run("dashboard", options.parse_args(arguments), measure)


def measure(options: argparse.Namespace) -> Outcome:
    """Runs all parts."""
    rows: list[Row] = []
    with browsing() as browser, contextlib.closing(browser.new_context()) as context:
        summary: dict[str, float | int | None] = {}
        with hosted("sqlite", {**SETTINGS, "worker": False}) as host:
            if options.jobs > 0:
                summary |= _first_view(host, context, options.jobs)
                progress("first view done")
            if options.candidates > 0:
                summary |= _updates(host, context, options.candidates, rows)
                progress("updates done")
        if options.minutes > 0:
            with hosted("sqlite", SETTINGS) as host:
                summary |= _memory(host, context, options.minutes, rows)
    return Outcome(summary, rows)


def _page(host: Host, context: BrowserContext) -> Page:
    context.clear_cookies()
    return signed_in(context, host.server)


def _first_view(host: Host, context: BrowserContext, count: int) -> dict[str, float | int | None]:
    """Bytes that the first view loads, as compressed on the way, and milliseconds until its first job is seen, in a fresh page."""
    stored(host, count)
    page = _page(host, context)
    loaded: list[Response] = []
    page.on("response", lambda response: loaded.append(response))  # noqa: PLW0108 (a method of a list is not taken)
    page.goto(host.server.url)
    page.get_by_role("row").nth(1).wait_for()
    before = [
        response for response in loaded if "/v1/" not in response.url
    ]  # other views are fetched once this one is loaded
    weight = sum(len(gzip.compress(response.body())) for response in before)
    page.close()
    took = []
    for _ in range(5):
        page = _page(host, context)
        page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        started = time.perf_counter()
        page.goto(host.server.url, wait_until="commit")
        page.get_by_role("row").nth(1).wait_for()
        took.append(1000 * (time.perf_counter() - started))
        page.close()
    return {
        "jobs": count,
        "first_view_gzip_bytes": weight,
        "first_view_ms": median(took),
        "first_view_worst_ms": max(took),
    }


def _updates(host: Host, context: BrowserContext, count: int, rows: list[Row]) -> dict[str, float | int | None]:
    """Milliseconds from the message of a further candidate to the frame that shows it, with `count` candidates on the page."""
    rng = random.Random(0)
    job_id = _running_job(host, rng, count)
    page = _page(host, context)
    page.goto(f"{host.server.url}/jobs/{job_id}")
    page.get_by_text(f"{count:,} candidates.").first.wait_for(state="attached", timeout=120_000)
    page.wait_for_timeout(2000)
    page.evaluate("performance.clearMeasures()")
    took: list[float] = []
    for number in range(count, count + UPDATES):
        with host.database.write() as connection:
            append(connection, job_id, _candidates(rng, number, 1), epoch=1)
        until = time.monotonic() + 20
        while len(found := _measured(page)) <= len(took):
            if time.monotonic() > until:
                raise TimeoutError("the page does not show the candidate")
            page.wait_for_timeout(50)
        took = found
    page.close()
    rows.extend({"part": "update", "number": number, "value": value, "unit": "ms"} for number, value in enumerate(took))
    ordered = sorted(took)
    return {
        "candidates": count, "updates": len(took), "update_p50_ms": median(took),
        "update_p95_ms": ordered[int(0.95 * (len(ordered) - 1))], "update_worst_ms": ordered[-1],
    }  # fmt: skip


def _measured(page: Page) -> list[float]:
    found: list[float] = page.evaluate("performance.getEntriesByName('hwnas:update').map((one) => one.duration)")
    return found


def _running_job(host: Host, rng: random.Random, count: int) -> str:
    """A job that looks as if a worker had evaluated so many candidates; its id."""
    (job_id,) = stored(host, 1)
    with host.database.write() as connection:
        now = connection.scalar(select(utc_ms())) or 0
        connection.execute(
            update(jobs).where(jobs.c.id == job_id).values(
                state="running", phase="searching", lease_epoch=1, attempt=1, max_duration_ms=10**9, finished_at=None,
                lease_expires_at=now + 10**8, spec=SEARCH,
            )
        )  # fmt: skip
        append(connection, job_id, [StateEvent(state="running")], epoch=1)
        for start in range(0, count, 1000):
            append(connection, job_id, _candidates(rng, start, min(1000, count - start)), epoch=1)
        points = [
            FrontPoint(
                architecture=f"a{k}",
                architecture_id=f"{k:012x}",
                metric=MetricValue(name="accuracy", value=0.9 + k / 400),
                latency_ms=0.1 + k / 25,
            )
            for k in range(20)
        ]
        front = FrontEvent(target="cpu", budget_ms=BUDGET_MS, evaluations=count, points=tuple(points))
        append(connection, job_id, [front], epoch=1)
    return job_id


def _candidates(rng: random.Random, start: int, count: int) -> list[CandidateEvent]:
    """Candidates as a search emits them, with 20 choices each."""
    made = []
    for number in range(start, start + count):
        latency_ms = rng.uniform(0.1, 1.3)
        made.append(
            CandidateEvent(
                number=number,
                architecture=f"number={number}",
                architecture_id=f"{number:012x}",
                metric=MetricValue(name="accuracy", value=min(1.0, 0.8 + 0.1 * latency_ms + rng.gauss(0, 0.02))),
                latency_ms={"cpu": latency_ms},
                feasible={"cpu": latency_ms <= BUDGET_MS},
                choices={f"choice{c}": rng.choice((3, 5, 7)) for c in range(20)},
                macs=rng.randint(10**6, 10**7),
                params=rng.randint(10**4, 10**6),
                weight_bytes=rng.randint(10**4, 10**6),
                peak_memory_bytes=rng.randint(10**4, 10**6),
            )
        )
    return made


def _memory(host: Host, context: BrowserContext, minutes: float, rows: list[Row]) -> dict[str, float | int | None]:
    """Bytes of the page's heap after a collection, each half minute while it follows a search with the real engine."""
    made = host.http.post("/v1/jobs", json={"spec": {**SEARCH, "effort": "thorough", "threads": 1}})
    made.raise_for_status()
    page = _page(host, context)
    session = context.new_cdp_session(page)
    page.goto(f"{host.server.url}/jobs/{made.json()['id']}/training")
    started = time.monotonic()
    used: list[tuple[float, int]] = []
    while (elapsed := time.monotonic() - started) < 60 * minutes:
        page.wait_for_timeout(30_000 if minutes > 1 else 1000)
        session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")
        used.append((elapsed / 60, int(heap["usedSize"])))
        rows.append(
            {"part": "memory", "minute": round(elapsed / 60, 2), "value": int(heap["usedSize"]), "unit": "bytes"}
        )
    job = host.http.get(f"/v1/jobs/{made.json()['id']}").json()
    early = min(5.0, minutes / 2)
    after = [size for minute, size in used if minute >= early]
    third = max(1, len(after) // 3)
    first, last = median(after[:third]), median(after[-third:])
    return {
        "live_minutes": minutes, "live_events": job["last_event"], "heap_bytes": last, "heap_growth": last / first - 1,
        "heap_growth_bytes": last - first, "still_live": int(job["finished_at"] is None),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
