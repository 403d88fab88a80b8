"""The Python client and `hwnas --server` against a server in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import api.cli  # noqa: F401 - adds --server
from api.client import Client
from api.client.calls import control_job, pause_before
from api.client.search import uploaded, uploaded_network
from api.testing import fake_engine
from api.testing.server import Server, fast_settings
from nas.cli import app
from nas.execution.spawned import child_environment
from tests.api.client_contract import ClientContract, Later, Unreliable, blocking
from tests.api.conftest import body
from tests.api.test_networks import classifier
from tests.nas.own_networks import written


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
def client(served: tuple[str, str], connect: Any) -> Iterator[Client]:
    with connect(served[0], key=served[1]) as made:
        yield made


@pytest.fixture
def unreliable() -> Iterator[Unreliable]:
    """A service that breaks off."""
    with Unreliable() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def later() -> Iterator[Later]:
    """A service that is newer than the client."""
    with Later() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


class TestClient(ClientContract):
    """The client for ordinary code."""

    @pytest.fixture
    def connect(self) -> Any:
        return Client


class TestAsyncClient(ClientContract):
    """The client for coroutines."""

    @pytest.fixture
    def connect(self) -> Any:
        return blocking


def test_when_a_request_is_sent_again() -> None:
    assert [pause_before(number, 503, None) for number in range(3)] == [0.2, 0.4, 0.8]
    assert pause_before(0, 429, "7") == 7 and pause_before(9, 503, None) is None and pause_before(0, 404, None) is None


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


def made_data(tmp_path: Path, kind: str) -> Path:
    """Sixty images as an archive or as class folders."""
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
    return data


def test_the_command_line_has_a_service_run_a_batch(served: tuple[str, str], tmp_path: Path) -> None:
    data = made_data(tmp_path, "npz")
    spec = {
        "name": "screws", "data": ["digits", str(data)], "spaces": ["mobilenet", "resnet"], "targets": ["cpu"], "budgets": ["40%"],
        "seeds": [40], "exclude": [{"data": str(data), "space": "resnet"}],
    }  # fmt: skip
    (tmp_path / "batch.yaml").write_text(yaml.safe_dump(spec))
    words = ["batch", str(tmp_path / "batch.yaml"), "--out", str(tmp_path / "runs"), "--json"]
    priced = hwnas(served, *words, "--plan")
    assert priced.returncode == 0, priced.stderr + priced.stdout
    assert (json.loads(priced.stdout)["cells"], json.loads(priced.stdout)["total_s"]) == (3, 17.0)
    done = hwnas(served, *words)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout)
    assert [(cell["data"], cell["space"], cell["state"]) for cell in found["cells"]] == [
        ("digits", "mobilenet", "succeeded"), ("digits", "resnet", "succeeded"), ("mine", "mobilenet", "succeeded"),
    ]  # fmt: skip
    assert all(Path(file).is_file() for file in found["files"]) and len(found["files"]) == 3
    for cell in found["cells"]:
        assert (tmp_path / "runs" / cell["id"] / "model.int8.onnx").is_file()
    shown = hwnas(served, *words[:-1], "--quiet")
    assert shown.returncode == 0 and "mine" in shown.stdout


def test_a_batch_that_a_service_cannot_run_is_refused(served: tuple[str, str], tmp_path: Path) -> None:
    spec = {"data": ["digits"], "targets": ["cpu"], "budgets": ["40%"], "search": {"teacher": "x.onnx"}}
    (tmp_path / "batch.yaml").write_text(yaml.safe_dump(spec))
    refused = json.loads(hwnas(served, "batch", str(tmp_path / "batch.yaml"), "--json").stdout)
    assert refused["error"]["code"] == "invalid_batch" and "no teacher" in refused["error"]["detail"]


@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_the_command_line_has_a_service_search(served: tuple[str, str], tmp_path: Path, kind: str) -> None:
    data = made_data(tmp_path, kind)
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
    document = json.loads(done.stdout)
    assert f"{document['run']} is queued: {served[0]}/jobs/{document['run']}\n" in done.stderr
    bundle = Path(document["models"]["cpu"]["bundle"])
    assert tmp_path in bundle.parents and sorted(path.name for path in bundle.iterdir()) == sorted(fake_engine.FILES)


def test_data_that_the_service_has_is_not_uploaded_again(served: tuple[str, str], tmp_path: Path) -> None:
    data = made_data(tmp_path, "folder")
    with Client(served[0], key=served[1]) as client:
        first = uploaded(client, str(data))
        os.utime(data / "class0" / "0.png", (0, 0))
        assert uploaded(client, str(data)) == first
        (data / "class0" / "0.png").unlink()
        assert uploaded(client, str(data)) != first


def test_the_command_line_uploads_the_network_to_start_from(served: tuple[str, str], tmp_path: Path) -> None:
    network = written(classifier(7), tmp_path / "_mine.onnx")
    budget = ["--target", "cpu", "--latency-ms", "40%"]
    done = hwnas(
        served, "search", "--data", "digits", *budget, "--from", str(network), "--out", str(tmp_path), "--json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with Client(served[0], key=served[1]) as client:
        (made,) = (one for one in client.networks() if one.summary.classes == 7)
        assert made.name == "mine"
        spec: Any = client.job(json.loads(done.stdout)["run"]).document.spec
        assert spec.start_from == made.id
        assert uploaded_network(client, str(network)) == made.id


def test_an_interrupt_leaves_the_job_to_the_service(served: tuple[str, str]) -> None:
    words = ("search", "--data", "digits", "--target", "cpu", "--latency-ms", "1", "--seed", str(fake_engine.SLOW))
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "--server", served[0], *words, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**child_environment(), "HWNAS_KEY": served[1]},
    )
    assert process.stderr is not None
    told = process.stderr.readline()
    (job_id,) = re.findall(r"job_\w{26}(?= is queued)", told)
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    error = json.loads(stdout)["error"]
    with Client(served[0], key=served[1]) as client:
        job = client.job(job_id)
        state = job.state
        job.cancel().wait()
    assert (process.returncode, error["code"], error["job"]) == (130, "cancelled", job_id)
    assert (
        state in ("queued", "running")
        and "continues in the service" in error["detail"]
        and f"/jobs/{job_id}/cancel" in error["fix"]
    )


@pytest.mark.parametrize("named", ["a1", "a", "resolution=8"])
def test_the_command_line_exports_a_candidate(served: tuple[str, str], tmp_path: Path, named: str) -> None:
    with Client(served[0], key=served[1]) as client:
        found = client.submit(body()["spec"]).wait()
    done = hwnas(served, "export", found.id, named, "--out", str(tmp_path), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    bundle = Path(document["model"]["bundle"])
    assert document["within_budget"] is False and "fine-tuning" in done.stderr
    assert tmp_path in bundle.parents and sorted(path.name for path in bundle.iterdir()) == sorted(fake_engine.FILES)


def test_an_architecture_that_is_none_or_several(served: tuple[str, str]) -> None:
    with Client(served[0], key=served[1]) as client:
        found = client.submit(body(seed=fake_engine.LONG)["spec"]).wait()
    for named, known in (("a1", 0), ("a", 20), ("b", 20), ("", 20)):
        done = hwnas(served, "export", found.id, named, "--json", "--quiet", "--target", "none")
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["code"]) == (2, "unknown_architecture" if known else "unknown_target")
        assert len(error.get("known", [])) == known


def test_the_command_line_tells_what_the_service_refuses(served: tuple[str, str], tmp_path: Path) -> None:
    common = ["search", "--target", "cpu", "--latency-ms", "1", "--json", "--quiet"]
    digits = [*common, "--data", "digits"]
    failed = hwnas(served, *digits, "--seed", str(fake_engine.INFEASIBLE))
    assert (failed.returncode, json.loads(failed.stdout)["error"]["code"]) == (3, "infeasible_budget")
    code = hwnas(served, *digits, "--space", "space.py:mine")
    assert (code.returncode, json.loads(code.stdout)["error"]["code"]) == (2, "invalid_spec")
    none = hwnas(served, *common, "--data", str(tmp_path / "none"))
    assert (none.returncode, json.loads(none.stdout)["error"]["code"]) == (2, "invalid_data")


@pytest.mark.parametrize("command", ["show", "profile", "targets", "spaces", "estimate", "doctor", "keys", "serve"])
def test_a_command_that_a_service_does_not_do_refuses_one(served: tuple[str, str], command: str) -> None:
    done = CliRunner().invoke(app, ["--server", served[0], command, "--json"], prog_name="hwnas")
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["code"]) == (2, "usage_error") and f"`hwnas {command}`" in error["detail"]


@pytest.mark.parametrize(("command", "told"), [("targets", True), ("spaces", False)])
def test_a_service_of_the_environment_does_not_keep_from_working_here(
    monkeypatch: pytest.MonkeyPatch, command: str, *, told: bool
) -> None:
    monkeypatch.setenv("HWNAS_SERVER", "http://127.0.0.1:9")
    done = CliRunner().invoke(app, [command, "--json"], prog_name="hwnas")
    assert done.exit_code == 0 and json.loads(done.stdout)
    assert ("on this machine" in done.stderr) is told


def test_a_job_is_freed_of_its_device_only_when_asked() -> None:
    assert control_job("job_1", "resume", any_device=True).params == {"any_device": "true"}
    assert control_job("job_1", "resume", any_device=False).params == {}
