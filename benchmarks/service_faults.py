"""Kills worker, server and database at random while jobs run, and counts what is lost, doubled or different afterwards.

Searches run with the real engine (`--work quick` takes the tests' fake one). One of them is compared with an unbroken search with
the same latency table. Not here: how quick the service is (`service_load`).
"""

import argparse
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import httpx2
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from api.job_states import ENDED
from api.tables import candidates, job_events, jobs
from benchmarks.common import Outcome, Row, parser, progress, run
from benchmarks.service_host import Host, hosted

LEASE_S: Final = 5.0
PATIENCE_S: Final = 1800.0

_FAST: Final = {
    "lease_s": LEASE_S, "heartbeat_s": 1.0, "control_s": 0.5, "poll_s": 0.2, "max_attempts": 100, "maintenance_s": 5.0,
}  # fmt: skip
_FAKE: Final = {"engine": "api.testing.fake_engine:search", "profiler": "api.testing.fake_engine:profile"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    options = parser("service_faults", __doc__ or "")
    options.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite", help="the database")
    options.add_argument("--rounds", type=int, default=40, help="how many kills")
    options.add_argument(
        "--work", choices=("real", "quick"), default="real", help="real searches, or the tests' fake ones"
    )
    options.add_argument("--minutes", type=float, default=0.1, help="the limit of each real search")
    options.add_argument("--between-s", type=float, default=40.0, help="the longest time from one kill to the next")
    return run("service_faults", options.parse_args(arguments), measure)


def measure(options: argparse.Namespace) -> Outcome:
    """Runs all rounds; what became of the jobs."""
    rng = random.Random(options.seeds)
    with hosted(options.engine, {**_FAST, **(_FAKE if options.work == "quick" else {})}) as host:
        unbroken = _ended(host, _queue(host, _search(options, 0)))
        _check_succeeded(unbroken)
        _second_tenant(host)
        accepted = [_queue(host, _search(options, 0))]
        rows: list[Row] = []
        for number in range(options.rounds):
            if not _unfinished(host, accepted):
                accepted.append(_queue(host, _next(options, len(accepted))))
            time.sleep(rng.uniform(0.2, options.between_s))
            victim = rng.choice(host.victims())
            seconds = _recovery(host, victim, accepted)
            progress(
                f"round {number + 1}: {victim} killed, back after {seconds if seconds is None else round(seconds, 2)} s"
            )
            rows.append({"round": number, "victim": victim, "recovery_s": seconds})
        done = [_ended(host, job_id) for job_id in accepted]
        counts = [_missing_and_doubled(host, job) for job in done]
        back = sum(_steps_back(host, job["id"]) for job in done)
    took = [row["recovery_s"] for row in rows if row["recovery_s"] is not None]
    summary = {
        "accepted": len(accepted),
        "ended": sum(job["state"] in ENDED for job in done),
        "succeeded": sum(job["state"] == "succeeded" for job in done),
        "lost": sum(lost for lost, _ in counts),
        "doubled": sum(doubled for _, doubled in counts),
        "duplicated": sum(doubled for _, doubled in counts),
        "max_recovery_seconds": max(took, default=None),
        "lease_seconds": LEASE_S,
        "front_identical": int(
            done[0]["result"] is not None and done[0]["result"]["front"] == unbroken["result"]["front"]
        ),
        "profile_steps_back": back,
        "attempts": sum(len(job["attempts"]) for job in done),
    }
    return Outcome(summary, rows)


def _search(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "kind": "search", "data": "digits", "targets": [{"target": "cpu", "latency_ms": "40%"}], "effort": "quick",
        "seed": seed,
    }  # fmt: skip
    if options.work == "quick":
        return {**spec, "seed": 200 + seed}
    return {**spec, "minutes": options.minutes, "threads": 1}


def _next(options: argparse.Namespace, number: int) -> dict[str, Any]:
    """Every third job is a profile, with networks that were not measured before."""
    if number % 3 == 2:
        return {"kind": "profiling", "target": "cpu", "space": "mobilenet", "effort": "quick", "seed": number}
    return _search(options, number)


def _queue(host: Host, spec: dict[str, Any]) -> str:
    made = host.http.post(
        "/v1/jobs",
        json={"spec": spec},
        headers={"Idempotency-Key": hashlib.sha256(json.dumps(spec).encode()).hexdigest()},
    )
    made.raise_for_status()
    job_id: str = made.json()["id"]
    return job_id


def _second_tenant(host: Host) -> None:
    """Another tenant, which finds the first one's latency table and the time of a step, and nothing else."""
    first = host.http.get("/v1/sessions").json()["tenant_id"]
    tenant = host.http.post("/v1/tenants", json={"name": "broken"}).json()["id"]
    scopes = ["jobs:read", "jobs:write", "models:read"]
    key = host.http.post("/v1/api-keys", json={"name": "k", "scopes": scopes, "tenant_id": tenant}).json()["secret"]
    mine, theirs = host.settings.store_of(tenant), host.settings.store_of(first)
    for stage in ("profile", "time_step"):
        theirs.share(stage, mine)
    host.server.use_key(key)
    host.http.headers["Authorization"] = f"Bearer {key}"


def _ended(host: Host, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = _until(lambda: (j := _get(host, f"/v1/jobs/{job_id}")) and j["finished_at"] and j)
    return found


def _get(host: Host, path: str) -> Any:
    try:
        answer = host.http.get(path)
        return answer.json() if answer.status_code == 200 else None
    except httpx2.HTTPError:
        return None


def _until(condition: Callable[[], Any]) -> Any:
    until = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        if time.monotonic() > until:
            raise TimeoutError("the service does not continue")
        time.sleep(0.05)
    return value


def _check_succeeded(job: dict[str, Any]) -> None:
    if job["state"] != "succeeded":
        raise RuntimeError(f"the unbroken search ended {job['state']}: {job['error']}")


def _standing(host: Host, accepted: Sequence[str]) -> dict[str, tuple[str, int]]:
    """State and epoch of the jobs that have not ended; empty also while the database does not answer."""
    query = select(jobs.c.id, jobs.c.state, jobs.c.lease_epoch).where(
        jobs.c.id.in_(accepted), jobs.c.state.not_in(ENDED)
    )
    with host.database.read() as connection:
        return {row.id: (row.state, row.lease_epoch) for row in connection.execute(query)}


def _unfinished(host: Host, accepted: Sequence[str]) -> bool:
    return bool(_standing(host, accepted))


def _recovery(host: Host, victim: str, accepted: Sequence[str]) -> float | None:
    """Kills a part; seconds from then until a worker has the job under a new lease, None where none ran.

    A database that comes back finds its worker alive: there it is seconds until the server is ready again.
    """
    before = {job: epoch for job, (state, epoch) in _standing(host, accepted).items() if state == "running"}
    killed = time.monotonic()
    host.kill(victim)
    if victim == "database":
        _until(lambda: _get(host, "/readyz"))
        return time.monotonic() - killed

    def back() -> bool:
        try:
            now = _standing(host, accepted)
        except DBAPIError:
            return False
        return all(
            job not in now or (now[job][0] == "running" and now[job][1] > epoch) for job, epoch in before.items()
        )

    _until(back)
    return time.monotonic() - killed if before else None


def _missing_and_doubled(host: Host, job: dict[str, Any]) -> tuple[int, int]:
    """How many events, candidates and artifacts of a job are missing, and how many are there twice."""
    with host.database.read() as connection:
        seqs = list(connection.scalars(select(job_events.c.seq).where(job_events.c.job_id == job["id"])))
        kept = connection.execute(
            select(candidates.c.target, candidates.c.number).where(candidates.c.job_id == job["id"])
        ).all()
        emitted = [
            json.loads(data)
            for data in connection.scalars(
                select(job_events.c.data).where(job_events.c.job_id == job["id"], job_events.c.type == "candidate")
            )
        ]
    numbers: dict[str, list[int]] = {}
    for event in emitted:
        numbers.setdefault(",".join(event["latency_ms"]), []).append(event["number"])
    lost = job["last_event"] - len(set(seqs))
    doubled = len(seqs) - len(set(seqs))
    for found in numbers.values():
        lost += max(found) + 1 - len(set(found))
        doubled += len(found) - len(set(found))
    lost += abs(len(kept) - len(emitted))
    if job["state"] == "succeeded" and job["kind"] == "search":
        more_lost, more_doubled = _models(host, job)
        lost, doubled = lost + more_lost + (0 if emitted else 1), doubled + more_doubled
    return lost, doubled


def _steps_back(host: Host, job_id: str) -> int:
    """How often a profile had fewer samples than before: each is stored when it is taken, so that none is taken twice."""
    query = select(job_events.c.data).where(job_events.c.job_id == job_id, job_events.c.type == "progress")
    with host.database.read() as connection:
        emitted = [json.loads(data) for data in connection.scalars(query.order_by(job_events.c.seq))]
    taken = [event["done"] for event in emitted if event["phase"] == "profiling"]
    return sum(after < before for before, after in pairwise(taken))


def _models(host: Host, job: dict[str, Any]) -> tuple[int, int]:
    models = _get(host, f"/v1/models?job={job['id']}")["items"]
    lost = max(0, len(job["result"]["models"]) - len(models))
    for model in models:
        for file in model["artifacts"]:
            content = host.http.get(file["url"]).content
            lost += hashlib.sha256(content).hexdigest() != file["sha256"]
    return lost, max(0, len(models) - len(job["result"]["models"]))


if __name__ == "__main__":
    sys.exit(main())
