"""What both clients do, as one class of tests, and the client for coroutines in the form of the other. No tests by itself."""

import asyncio
import hashlib
import inspect
import json
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from api.client import ApiError, AsyncClient, AsyncJob, AsyncModel, Client
from api.errors import NoAnswer, UnusableKey, WrongContent
from api.jobs.schemas import ExportAnswer
from api.models.schemas import Artifact
from api.testing import fake_engine
from tests.api.conftest import body
from tests.api.test_datasets import digits
from tests.api.test_networks import classifier
from tests.nas.own_networks import written

SPEC = body()["spec"]
CONTENT = bytes(range(256)) * 400
DATASET = {
    "id": "ds_01jd3z6g4m8x2c5v7b9n1q3r5t", "name": "mine", "format": "npz", "sha256": "0" * 64, "size_bytes": 1,
    "summary": {
        "classes": ["a", "b"], "resolution": 8, "channels": 1, "images": {"train": 2, "val": 1, "test": 1}, "skipped": 0,
        "warnings": [],
    },
    "created_at": "2026-01-31T12:00:00Z",
}  # fmt: skip


class Blocking:
    """A thing with coroutines, in the form of one without: what is awaited is waited for, what comes in time is iterated."""

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner, self._loop = inner, loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return (lambda *a, **k: self._settled(found(*a, **k))) if callable(found) else found

    def _settled(self, value: Any) -> Any:
        if inspect.isawaitable(value):
            return self._settled(self._loop.run_until_complete(value))
        if inspect.isasyncgen(value):
            return self._items(value)
        if isinstance(value, list):
            return [self._settled(one) for one in value]
        return Blocking(value, self._loop) if isinstance(value, AsyncJob | AsyncModel) else value

    def _items(self, items: Any) -> Iterator[Any]:
        try:
            while (item := self._loop.run_until_complete(cast(Awaitable[Any], anext(items, None)))) is not None:
                yield self._settled(item)
        finally:
            self._loop.run_until_complete(items.aclose())


@contextmanager
def blocking(url: str, key: str | None) -> Iterator[Client]:
    """The client for coroutines, to be used as the other."""
    made = AsyncClient(url, key=key)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(made.__aenter__())
    try:
        yield cast(Client, Blocking(made, loop))
    finally:
        loop.run_until_complete(made.__aexit__(None, None, None))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


class Unreliable(ThreadingHTTPServer):
    """A service that breaks off each first answer; `requests` has what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.left = threading.Event()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Unreliable

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        """A stream of events, or a file."""
        first = self._note(b"")
        if self.path.endswith("/events"):
            self._events(first=first)
        else:
            self._file(first=first)

    def do_POST(self) -> None:
        """An upload, refused the first time."""
        first = self._note(self._body())
        content = json.dumps({"detail": "Not now."} if first else DATASET).encode()
        self.send_response(503 if first else 201)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _note(self, content: bytes) -> bool:
        self.server.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, content))
        return len(self.server.requests) == 1

    def _body(self) -> bytes:
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _events(self, *, first: bool) -> None:
        event = {"type": "state", "state": "running"} if first else {"type": "end", "state": "succeeded"}
        document = {"seq": 1 if first else 2, "at": "2026-01-31T12:00:00Z", "event": event}
        frame = f"data: {json.dumps(document)}\n\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(f"{len(frame):x}\r\n".encode() + frame + b"\r\n")
        self.wfile.flush()
        if not first and self.rfile.read(1) == b"":  # a client that has the last event hangs up
            self.server.left.set()
        self.close_connection = True

    def _file(self, *, first: bool) -> None:
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : start + 50_000] if first else CONTENT[start:])
        self.close_connection = True


LATER_JOB = {
    "id": "job_1", "kind": "distillation", "state": "rehearsing", "phase": "pruning",
    "progress": {"done": 1, "total": 2, "unit": "layers", "eta_s": None, "colour": "red"}, "attempt": 1, "max_attempts": 3,
    "spec": {"kind": "distillation", "teacher": "mdl_1"}, "labels": {}, "max_duration_s": 60.0, "pause_requested_at": None,
    "result": None, "error": None, "last_event": 3, "created_at": "2026-01-31T12:00:00Z", "started_at": None,
    "finished_at": None, "colour": "red",
}  # fmt: skip
"""A job of a service that is newer than the client: state, phase, kind, spec and fields that it does not know."""

LATER_EVENTS: tuple[dict[str, Any], ...] = (
    {"type": "state", "state": "rehearsing", "colour": "red"},
    {"type": "smell", "of": "burning"},
    {"type": "phase", "phase": "pruning", "status": "resumed"},
    {"type": "log", "level": "notice", "message": "half is gone"},
    {"type": "end", "state": "archived"},
)


class Later(ThreadingHTTPServer):
    """A service that is newer than the client. Its one job has ended, as `archived`, once its events were read."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _LaterHandler)
        self.streams = 0
        self.url = f"http://127.0.0.1:{self.server_port}"


class _LaterHandler(BaseHTTPRequestHandler):
    server: Later

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        """The job, a page of jobs, or a stream of its events."""
        if self.path.startswith("/v1/jobs/job_1/events"):
            self.server.streams += 1
            frames = [{"seq": n, "at": "2026-01-31T12:00:00Z", "event": e} for n, e in enumerate(LATER_EVENTS, start=1)]
            notice = "event: notice\ndata: [1]\n\n"
            text = notice + "".join(f"data: {json.dumps(frame)}\n\n" for frame in frames)
            self._send(text.encode(), "text/event-stream")
            return
        ended = {"state": "archived", "finished_at": "2026-01-31T13:00:00Z", "result": {"atoms": 3}}
        job = {**LATER_JOB, **(ended if self.server.streams else {})}
        document = job if self.path == "/v1/jobs/job_1" else {"items": [job], "next_page_token": None, "more": 1}
        self._send(json.dumps(document).encode(), "application/json")

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class ClientContract:
    """Tests of a client; the fixtures `client` and `connect` give it."""

    def test_a_search_from_its_start_to_its_files(self, client: Client, tmp_path: Path) -> None:
        seen: list[str] = []
        job = client.search(data="digits", targets=[{"target": "cpu", "latency_ms": 0.2}]).wait(
            on_event=lambda event: seen.append(event.type)
        )
        assert job.state == "succeeded" and seen[-1] == "end" and seen.count("candidate") == fake_engine.STEPS
        (model,) = job.models()
        folder = model.download(tmp_path / "bundle")
        assert sorted(path.name for path in folder.iterdir()) == sorted(fake_engine.FILES)
        assert [found.id for found in client.jobs(state="succeeded") if found.id == job.id] == [job.id]
        assert client.validate(SPEC).architectures == "9" * 26

    def test_a_download_goes_on_and_is_checked(self, client: Client, tmp_path: Path) -> None:
        (model,) = client.submit(SPEC).wait().models()
        artifact = model.document.artifacts[0]
        client.download(artifact, tmp_path / "whole")
        content = (tmp_path / "whole").read_bytes()
        (tmp_path / "half.part").write_bytes(content[:10])
        client.download(artifact, tmp_path / "half")
        assert (tmp_path / "half").read_bytes() == content
        (tmp_path / "other.part").write_bytes(b"x" * len(content))
        with pytest.raises(WrongContent):
            client.download(artifact, tmp_path / "other")
        assert not (tmp_path / "other").exists()

    def test_a_candidate_is_exported(self, client: Client) -> None:
        found = client.submit(SPEC).wait()
        job = found.export("a1").wait()
        assert isinstance(job.document.result, ExportAnswer)
        assert job.document.result.model.architecture == "resolution=8"
        assert [one.number for one in client.candidates(found.id)] == list(range(fake_engine.STEPS))
        fronts = client.fronts(found.id)
        assert [one.of for one in (*fronts.items, *fronts.estimates)] == ["trained", "candidates"]
        (model,) = job.models()
        assert model.document.id == job.document.result.model.model_id
        with pytest.raises(ApiError) as refused:
            found.export("b2", target="cpu")
        assert refused.value.code == "unknown_architecture"

    def test_a_batch_from_its_start_to_its_report(self, client: Client, tmp_path: Path) -> None:
        matrix: dict[str, Any] = {
            "data": ["digits"],
            "spaces": ["mobilenet"],
            "targets": ["cpu"],
            "budgets": ["40%", 0.2],
        }
        assert client.validate_batch(**matrix).cells == 2
        job = client.batch(**matrix).wait()
        assert (job.state, len(job.models())) == ("succeeded", 2)
        assert [file.name for file in job.files()] == ["report.csv", "report.html", "report.json"]
        folder = job.download(tmp_path / "report")
        ids = [model.document.cell for model in job.models()]
        assert (folder / "report.csv").read_text().split()[1:] == ids[::-1]  # models are listed newest first

    def test_a_job_is_paused_resumed_and_cancelled(self, client: Client) -> None:
        job = client.submit({**SPEC, "seed": fake_engine.SLOW}, labels={"a": "b"})
        assert job.document.labels == {"a": "b"}
        next(event for event in job.events() if event.event.type == "progress")
        job.pause().resume().pause().resume(any_device=True).cancel()
        assert job.wait().state == "cancelled"

    def test_a_refusal_is_an_error_with_its_code(self, client: Client) -> None:
        with pytest.raises(ApiError) as refused:
            client.submit({**SPEC, "space": "hyperspace"})
        assert (refused.value.code, refused.value.status) == ("invalid_space", 400) and refused.value.fix
        with pytest.raises(ApiError) as refused:
            client.job("job_" + "0" * 26)
        assert refused.value.code == "unknown_job"

    def test_a_data_set_is_uploaded(self, client: Client, tmp_path: Path) -> None:
        (tmp_path / "mine.npz").write_bytes(digits())
        made = client.upload(tmp_path / "mine.npz", name="mine")
        assert (made.name, made.format) == ("mine", "npz")
        assert made in list(client.datasets())
        assert client.submit({**SPEC, "data": made.id}).wait().state == "succeeded"

    def test_a_network_is_uploaded(self, client: Client, tmp_path: Path) -> None:
        made = client.upload_network(written(classifier(), tmp_path / "mine.onnx"), name="mine")
        assert (made.name, made.summary.classes) == ("mine", 5)
        assert made in list(client.networks())
        assert client.submit({**SPEC, "space": "auto", "start_from": made.id}).wait().state == "succeeded"

    def test_a_job_can_be_watched(self, client: Client, capfd: pytest.CaptureFixture[str]) -> None:
        assert client.submit(SPEC).wait(progress=True).state == "succeeded"
        assert "data digits" in capfd.readouterr().err

    def test_an_upload_that_is_refused_for_the_moment_is_sent_again(
        self, connect: Any, unreliable: Unreliable, tmp_path: Path
    ) -> None:
        (tmp_path / "mine.npz").write_bytes(CONTENT)
        with connect(unreliable.url, key="nas_1") as client:
            assert client.upload(tmp_path / "mine.npz").id == DATASET["id"]
        (_, first, sent), (_, second, again) = unreliable.requests
        assert sent == again == CONTENT and first["idempotency-key"] == second["idempotency-key"]

    def test_a_broken_stream_is_taken_up_again_and_left_at_its_end(self, connect: Any, unreliable: Unreliable) -> None:
        with connect(unreliable.url, key="nas_1") as client:
            assert [event.seq for event in client.events("job_1")] == [1, 2]
            assert unreliable.left.wait(10)
        assert [headers["last-event-id"] for _, headers, _ in unreliable.requests] == ["0", "1"]

    def test_a_broken_download_goes_on_where_it_was(self, connect: Any, unreliable: Unreliable, tmp_path: Path) -> None:
        digest = hashlib.sha256(CONTENT).hexdigest()
        artifact = Artifact(name="a", size_bytes=len(CONTENT), sha256=digest, media_type="a/b", url="/a")
        with connect(unreliable.url, key="nas_1") as client:
            client.download(artifact, tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == CONTENT and list(tmp_path.iterdir()) == [tmp_path / "a"]
        assert [headers.get("range") for _, headers, _ in unreliable.requests] == [None, "bytes=50000-"]
        assert unreliable.requests[1][1]["if-range"] == f'"sha256-{digest}"'

    def test_what_a_later_service_has_is_kept_as_text(self, connect: Any, later: Later) -> None:
        with connect(later.url, key="nas_1") as client:
            job = client.job("job_1")
            assert (job.state, job.document.phase, job.document.kind) == ("rehearsing", "pruning", "distillation")
            assert job.document.spec == LATER_JOB["spec"] and not hasattr(job.document, "colour")
            assert [one.state for one in client.jobs()] == ["rehearsing"]

    def test_a_job_in_an_unknown_state_is_waited_for(
        self, connect: Any, later: Later, capfd: pytest.CaptureFixture[str]
    ) -> None:
        seen: list[tuple[str, str | None]] = []
        with connect(later.url, key="nas_1") as client:
            job = client.job("job_1").wait(
                progress=True, on_event=lambda event: seen.append((event.type, getattr(event, "state", None)))
            )
            assert (job.state, job.document.result) == ("archived", {"atoms": 3})
            job.wait()
        assert seen == [("state", "rehearsing"), ("phase", None), ("log", None), ("end", "archived")]
        assert later.streams == 1
        told = capfd.readouterr().err
        assert "pruning" in told and "notice: half is gone" in told

    @pytest.mark.parametrize("space", ["\n", " \r\n", "\t"])
    def test_white_space_around_a_key_does_not_count(
        self, connect: Any, unreliable: Unreliable, monkeypatch: pytest.MonkeyPatch, space: str
    ) -> None:
        monkeypatch.setenv("HWNAS_KEY", f"nas_2{space}")
        for key in (f"{space}nas_1{space}", None):
            with connect(unreliable.url, key=key) as client:
                assert list(client.events("job_1"))
        assert [headers["authorization"] for _, headers, _ in unreliable.requests] == ["Bearer nas_1"] * 2 + [
            "Bearer nas_2"
        ]

    @pytest.mark.parametrize(
        "key", [None, "", " \n", "nas_s\u00fccret", "nas_secret nas_secret", "nas_secret\nnas_secret"]
    )
    def test_no_key_and_what_cannot_be_one_are_told_without_it(
        self, connect: Any, monkeypatch: pytest.MonkeyPatch, key: str | None
    ) -> None:
        monkeypatch.delenv("HWNAS_KEY", raising=False)
        with pytest.raises(UnusableKey) as refused, connect("http://127.0.0.1:9", key=key):
            pass
        assert "HWNAS_KEY" in refused.value.fix and "cret" not in str(refused.value)

    def test_nobody_answers(self, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("api.client.calls.MAX_RETRIES", 2)
        with connect("http://127.0.0.1:9", key="nas_1") as client:
            with pytest.raises(NoAnswer):
                client.job("job_1")
            with pytest.raises(NoAnswer):
                list(client.events("job_1"))
