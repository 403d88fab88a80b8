"""The server as a process: streams across lost connections, restarts, kills and signals."""

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, text

from api.database import Database
from api.errors import PortForbidden, PortInUse, UnknownHost
from api.serve import resolve_host, serve
from api.tables import job_events
from api.testing import fake_engine
from api.testing.server import Server, command, eventually, fast_settings
from nas.execution.spawned import child_environment
from tests.api.conftest import body, both_engines

STREAM = {"Accept": "text/event-stream"}


def begin(http: httpx2.Client, seed: int) -> str:
    """Queues a job and waits until its engine tells something."""
    made = http.post("/v1/jobs", json=body(seed=seed))
    assert made.status_code == 201, made.text
    job_id: str = made.json()["id"]
    eventually(lambda: http.get(f"/v1/jobs/{job_id}").json()["progress"])
    return job_id


def ended(http: httpx2.Client, job_id: str) -> dict[str, Any]:
    """Waits for the end of a job."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = http.get(f"/v1/jobs/{job_id}").json()
        return job if job["finished_at"] else None

    found: dict[str, Any] = eventually(look)
    return found


def read(http: httpx2.Client, job_id: str, last: int, most: int) -> list[tuple[int, str]]:
    """Numbers and types of at most so many events of a stream, then leaves it."""
    seen: list[tuple[int, str]] = []
    name = ""
    with http.stream("GET", f"/v1/jobs/{job_id}/events", headers={**STREAM, "Last-Event-ID": str(last)}) as stream:
        assert stream.status_code == 200
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line[7:]
            if line.startswith("id: "):
                seen.append((int(line[4:]), name))
            if len(seen) == most:
                break
    return seen


@both_engines
def test_a_stream_continues_where_it_was_left_also_after_kills(server: Server) -> None:
    http = server.start()
    job_id = begin(http, fake_engine.SLOW)
    seen = read(http, job_id, 0, 3)
    seen += read(http, job_id, seen[-1][0], 4)
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: http.get(f"/v1/jobs/{job_id}").json()["attempt"] == 2)
    seen += read(http, job_id, seen[-1][0], 10)
    server.kill()
    http = server.start()
    eventually(lambda: http.get(f"/v1/jobs/{job_id}").json()["attempt"] == 3)
    http.post(f"/v1/jobs/{job_id}/cancel")
    seen += read(http, job_id, seen[-1][0], 10_000)
    assert [number for number, _ in seen] == list(range(1, len(seen) + 1))
    assert [name for _, name in seen[-2:]] == ["state", "end"]
    assert ended(http, job_id)["last_event"] == len(seen)


@both_engines
def test_a_killed_server_leaves_no_worker_and_its_job_goes_on_at_the_next_start(server: Server) -> None:
    http = server.start()
    job_id = begin(http, fake_engine.KILL_ONCE)
    (worker,) = eventually(server.workers)
    server.kill()
    eventually(lambda: "api.worker" not in command(worker), 20)
    http = server.start()
    job = ended(http, job_id)
    assert job["state"] == "succeeded"
    assert http.get("/v1/models").json()["items"][0]["job_id"] == job_id


@both_engines
def test_a_server_that_stops_hands_its_job_back_and_ends_its_streams(server: Server) -> None:
    http = server.start()
    job_id = begin(http, fake_engine.SLOW)
    (worker,) = server.workers()
    with http.stream("GET", f"/v1/jobs/{job_id}/events", headers=STREAM) as stream:
        lines = stream.iter_lines()
        next(lines)
        asked = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert list(lines)[-3:-1] == ["event: reconnect", "data: {}"]
    assert server.process.wait(30) is not None
    assert time.monotonic() - asked < 30
    assert "api.worker" not in command(worker)
    http = server.start()
    job = eventually(lambda: (j := http.get(f"/v1/jobs/{job_id}").json())["state"] == "running" and j)
    assert job["attempt"] == 1
    http.post(f"/v1/jobs/{job_id}/cancel")
    assert ended(http, job_id)["state"] == "cancelled"


def freeze(worker: int, http: httpx2.Client, job_id: str) -> None:
    """Stops a worker where it is in no transaction, whose locks would keep others out for as long."""
    while True:
        os.kill(worker, signal.SIGSTOP)
        try:
            http.patch(f"/v1/jobs/{job_id}", json={"labels": {"worker": "frozen"}}, timeout=2)
        except httpx2.ReadTimeout:
            os.kill(worker, signal.SIGCONT)
        else:
            return


@both_engines
def test_a_worker_that_wakes_after_its_lease_writes_nothing(server: Server) -> None:
    http = server.start()
    job_id = begin(http, fake_engine.SLOW)
    (sleeper,) = server.workers()
    freeze(sleeper, http, job_id)
    code = "import sys; from api.settings import Settings; from api.worker.process import run_standalone; "
    code += "run_standalone(Settings.model_validate_json(sys.argv[1]))"
    other = subprocess.Popen(
        [sys.executable, "-c", code, server.settings.model_dump_json()],
        stderr=subprocess.DEVNULL,
        env=child_environment(),
    )
    try:
        eventually(lambda: http.get(f"/v1/jobs/{job_id}").json()["attempt"] == 2)
        os.kill(sleeper, signal.SIGCONT)
        time.sleep(1.0)
        http.post(f"/v1/jobs/{job_id}/cancel")
        job = ended(http, job_id)
        assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "cancelled"]
        database = Database(server.settings.database_url)
        with database.read() as connection:
            query = select(job_events.c.epoch).where(job_events.c.job_id == job_id).order_by(job_events.c.seq)
            epochs = list(connection.scalars(query))
        database.close()
        assert epochs == sorted(epochs) and len(epochs) == job["last_event"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(sleeper, signal.SIGCONT)
        other.kill()
        other.wait()


def test_only_one_server_a_home(server: Server) -> None:
    server.start()
    second = serve_command("--home", str(server.home))
    assert json.loads(second.stdout)["error"]["code"] == "home_in_use"
    assert second.returncode == 2


def test_a_port_that_is_taken(server: Server, tmp_path: Path) -> None:
    port = server.start().base_url.port
    second = serve_command("--home", str(tmp_path / "other"), "--port", str(port))
    assert json.loads(second.stdout)["error"]["code"] == "port_in_use"


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    with pytest.raises(UnknownHost, match=r"port 0 of 192\.0\.2\.1: .* --host"):
        serve(fast_settings(tmp_path, host="192.0.2.1", port=0), print)


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        (errno.EADDRINUSE, PortInUse),
        (errno.EACCES, PortForbidden),
        (errno.EADDRNOTAVAIL, UnknownHost),
        (errno.EINVAL, UnknownHost),
    ],
)
def test_why_there_is_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, wrong: type[Exception]
) -> None:
    def bind(_socket: socket.socket, _address: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(wrong, match=os.strerror(number)):
        serve(fast_settings(tmp_path), print)


def test_a_database_that_is_none_or_of_another_version(tmp_path: Path) -> None:
    file = tmp_path / "hwnas.sqlite3"
    file.write_bytes(b"not a database" * 100)
    assert json.loads(serve_command("--home", str(tmp_path)).stdout)["error"]["code"] == "unusable_database"
    file.unlink()
    database = Database(f"sqlite:///{file}")
    database.migrate()
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v9999'"))
    database.close()
    assert json.loads(serve_command("--home", str(tmp_path)).stdout)["error"]["code"] == "database_version"


@pytest.mark.parametrize(
    ("address", "media_type"), [("/v1/jobs", "application/json"), ("/v1/datasets", "application/zip")]
)
def test_a_client_that_stops_sending_is_cut_off(tmp_path: Path, address: str, media_type: str) -> None:
    server = Server(fast_settings(tmp_path / "home", worker=False, body_timeout_s=0.2))
    try:
        http = server.start()
        port, key = http.base_url.port, http.headers["Authorization"]
        head = (
            f"POST {address} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {media_type}\r\nContent-Length: 9\r\n"
            f"Authorization: {key}\r\n"
        )
        with socket.create_connection(("127.0.0.1", port or 0), timeout=5) as connection:
            connection.sendall(head.encode() + b"\r\n{")
            assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert not list((tmp_path / "home" / "incoming").iterdir())
    finally:
        server.kill()


@pytest.mark.parametrize("host", ["example.org", "", "300.1.1.1"])
def test_a_host_that_is_no_address(host: str) -> None:
    with pytest.raises(UnknownHost):
        resolve_host(host)


@pytest.mark.parametrize(
    ("host", "family", "address"),
    [
        ("127.0.0.1", socket.AF_INET, "127.0.0.1"),
        ("127.0.0.2", socket.AF_INET, "127.0.0.2"),
        ("localhost", socket.AF_INET, "127.0.0.1"),  # whatever the machine's own tables say
        ("0.0.0.0", socket.AF_INET, "0.0.0.0"),
        ("::1", socket.AF_INET6, "::1"),
    ],
)
def test_addresses(host: str, family: int, address: str) -> None:
    assert resolve_host(host) == (family, address)


def test_the_command_tells_when_it_is_ready_and_stops_on_interrupt(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "serve", "--port", "0", "--home", str(tmp_path), "--no-worker", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert httpx2.get(f"{ready['url']}/livez").json() == {"status": "ok"}
    assert ready["home"] == str(tmp_path)
    first_key = Path(ready["first_key_file"])
    assert first_key.stat().st_mode & 0o777 == 0o600
    headers = {"Authorization": f"Bearer {first_key.read_text().strip()}"}
    assert httpx2.get(f"{ready['url']}/v1/jobs", headers=headers).json()["items"] == []
    assert httpx2.get(f"{ready['url']}/v1/jobs").status_code == 401
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert process.stdout.read() == b""
    process.stdout.close()


def test_help_needs_no_framework() -> None:
    code = "import sys, api.cli; print([m for m in ('fastapi', 'sqlalchemy', 'torch', 'uvicorn') if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=child_environment(), check=True
    )
    assert found.stdout == "[]\n"


def serve_command(*options: str) -> "subprocess.CompletedProcess[str]":
    """Runs `hwnas serve --json`, which is to fail."""
    port = () if "--port" in options else ("--port", "0")
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "serve", *port, "--no-worker", "--json", *options],
        capture_output=True,
        text=True,
        env=child_environment(),
        check=False,
        timeout=60,
    )
