"""The Python client and `hwnas --server` against a server in a process of its own."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from api.client import ApiError, AsyncClient, Client
from api.client.calls import pause_before
from api.errors import NoAnswer, WrongContent
from api.jobs.schemas import ExportAnswer
from api.processes import child_environment
from tests.api import fake_engine
from tests.api.conftest import body
from tests.api.server import Server, fast_settings

SPEC = body()["spec"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and key of a service with a worker."""
    server = Server(fast_settings(tmp_path_factory.mktemp("client") / "home", worker=True))
    try:
        http = server.start()
        yield str(http.base_url), http.headers["Authorization"].removeprefix("Bearer ")
    finally:
        server.kill()


@pytest.fixture
def client(served: tuple[str, str]) -> Iterator[Client]:
    with Client(served[0], key=served[1]) as made:
        yield made


def test_a_search_from_its_start_to_its_files(client: Client, tmp_path: Path) -> None:
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


def test_a_download_goes_on_and_is_checked(client: Client, tmp_path: Path) -> None:
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


def test_a_job_is_paused_resumed_and_cancelled(client: Client) -> None:
    job = client.submit({**SPEC, "seed": fake_engine.SLOW}, labels={"a": "b"})
    assert job.document.labels == {"a": "b"}
    next(event for event in job.events() if event.event.type == "progress")
    job.pause().resume().cancel()
    assert job.wait().state == "cancelled"


def test_a_refusal_is_an_error_with_its_code(client: Client) -> None:
    with pytest.raises(ApiError) as refused:
        client.submit({**SPEC, "space": "hyperspace"})
    assert (refused.value.code, refused.value.status) == ("invalid_space", 400) and refused.value.fix
    with pytest.raises(ApiError) as refused:
        client.job("job_" + "0" * 26)
    assert refused.value.code == "unknown_job"


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.client.sync.time.sleep", lambda _: None)
    with Client("http://127.0.0.1:9", key="nas_1") as client, pytest.raises(NoAnswer):
        client.job("job_1")


def test_when_a_request_is_sent_again() -> None:
    assert [pause_before(number, 503, None) for number in range(3)] == [0.2, 0.4, 0.8]
    assert pause_before(0, 429, "7") == 7 and pause_before(9, 503, None) is None and pause_before(0, 404, None) is None


def test_coroutines(served: tuple[str, str]) -> None:
    async def run() -> None:
        async with AsyncClient(served[0], key=served[1]) as client:
            seen: list[str] = []
            job = await client.search(data="digits", targets=SPEC["targets"])
            await job.wait(on_event=lambda event: seen.append(event.type))
            assert job.document.state == "succeeded" and seen[-1] == "end"
            assert len(await client.models(job_id=job.id)) == 1
            assert [one.id async for one in client.jobs(state="succeeded") if one.id == job.id] == [job.id]
            slow = await client.submit({**SPEC, "seed": fake_engine.SLOW})
            assert (await (await slow.cancel()).wait()).document.state == "cancelled"
            with pytest.raises(ApiError):
                await client.job("job_" + "0" * 26)

    asyncio.run(run())


def hwnas(served: tuple[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """Runs the console script."""
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "--server", served[0], *words],
        capture_output=True,
        text=True,
        env={**child_environment(), "HWNAS_KEY": served[1]},
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_the_command_line_has_a_service_search(served: tuple[str, str], tmp_path: Path, kind: str) -> None:
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
    data = tmp_path / "mine.npz"
    if kind == "npz":
        np.savez(data, train_x=images, train_y=np.arange(60) % 3)
    else:
        from PIL import Image

        data = tmp_path / "mine"
        for number, image in enumerate(images):
            folder = data / f"class{number % 3}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number}.png")
    words = [
        "search",
        "--data",
        str(data),
        "--target",
        "cpu",
        "--latency-ms",
        "40%",
        "--out",
        str(tmp_path / "runs"),
        "--json",
    ]
    done = hwnas(served, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    bundle = Path(json.loads(done.stdout)["models"]["cpu"]["bundle"])
    assert tmp_path in bundle.parents and sorted(path.name for path in bundle.iterdir()) == sorted(fake_engine.FILES)


def test_a_candidate_is_exported(client: Client, served: tuple[str, str], tmp_path: Path) -> None:
    found = client.submit(SPEC).wait()
    job = found.export("a1").wait()
    assert isinstance(job.document.result, ExportAnswer) and job.document.result.model.architecture == "resolution=8"
    (model,) = job.models()
    assert model.document.id == job.document.result.model.model_id
    with pytest.raises(ApiError) as refused:
        client.export(found.id, "b2")
    assert refused.value.code == "unknown_architecture"

    async def run() -> str:
        async with AsyncClient(served[0], key=served[1]) as other:
            return (await (await (await other.job(found.id)).export("a1", target="cpu")).wait()).document.state

    assert asyncio.run(run()) == "succeeded"
    done = hwnas(served, "export", found.id, "a1", "--out", str(tmp_path), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    bundle = Path(document["model"]["bundle"])
    assert document["within_budget"] is False and "finalising" in done.stderr
    assert tmp_path in bundle.parents and sorted(path.name for path in bundle.iterdir()) == sorted(fake_engine.FILES)


def test_the_command_line_tells_what_the_service_refuses(served: tuple[str, str], tmp_path: Path) -> None:
    common = ["search", "--data", "digits", "--target", "cpu", "--latency-ms", "1", "--json", "--quiet"]
    failed = hwnas(served, *common, "--seed", str(fake_engine.INFEASIBLE))
    assert (failed.returncode, json.loads(failed.stdout)["error"]["code"]) == (3, "infeasible_budget")
    code = hwnas(served, *common, "--space", "space.py:mine")
    assert (code.returncode, json.loads(code.stdout)["error"]["code"]) == (2, "invalid_spec")
