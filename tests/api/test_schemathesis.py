"""The running service against its own description: requests of every form that it allows, and many that it does not.

`HWNAS_SCHEMATHESIS_EXAMPLES` sets how many examples each operation gets; 5 when absent.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from api.blobs import BlobStore
from api.database import Database
from api.ids import new_id
from api.jobs import repository as jobs
from api.jobs.events_table import append
from api.models import repository as models
from api.tenancy import SCOPES
from api.testing.postgres import BINARIES
from api.testing.server import Server, fast_settings
from api.upload_rows import DATASETS, NETWORKS
from nas.events import CandidateEvent
from tests.api.conftest import body, both_engines
from tests.api.test_models import OUTCOME
from tests.metrics import as_accuracy

OWNED = re.compile(r"\{(job|dataset|network|model|key)_id\}")
FILES = {"GET /v1/models/{model_id}/artifacts/{name}", "GET /v1/jobs/{job_id}/artifacts/{name}"}
"""Hardly a made-up name is a file's; `test_keys.py` and `test_batches.py` ask with another tenant's key."""
CONFIG = Path(__file__).parent / "schemathesis.toml"
EXAMPLES = os.environ.get("HWNAS_SCHEMATHESIS_EXAMPLES", "5")


def seeded(server: Server, url: str | None, tenant_id: str) -> dict[str, str]:
    """A model, a data set, a network and a job with a candidate that stay, in a server's database."""
    database = Database(url or f"sqlite:///{server.home / 'hwnas.sqlite3'}")
    made = server.home / "made.onnx"
    made.write_bytes(b"model")
    blob = BlobStore(server.home / "artifacts").add(made)
    file = {"name": "model.int8.onnx", "sha256": blob.sha256, "size_bytes": 5, "media_type": "application/octet-stream"}
    summary = {
        "classes": ["a", "b"], "resolution": 8, "channels": 1, "images": {"train": 2, "val": 1, "test": 1}, "skipped": 0,
        "warnings": [],
    }  # fmt: skip
    job_id = new_id("job")
    network = {"classes": 2, "channels": 1, "side": 8, "only_side": False, "prunable_share": 1.0, "frozen": []}
    made_ids = {"HWNAS_MODEL": new_id("mdl"), "HWNAS_DATASET": new_id("ds"), "HWNAS_NETWORK": new_id("net")}
    ids = {**made_ids, "HWNAS_JOB": job_id, "HWNAS_ARCHITECTURE": "a1"}
    candidate = CandidateEvent(
        number=0,
        architecture="resolution=8",
        architecture_id="a1",
        metric=as_accuracy(0.9),
        latency_ms={"cpu": 0.1},
        feasible={"cpu": True},
    )
    with database.write() as connection:
        jobs.add(connection, jobs.NewJob(job_id, tenant_id, "search", body()["spec"], 1, 60))
        append(connection, job_id, [candidate], epoch=0)
        models.add(connection, tenant_id, ids["HWNAS_MODEL"], job_id, "cpu", OUTCOME, [file])
        DATASETS.add(
            connection, id=ids["HWNAS_DATASET"], tenant_id=tenant_id, name="mine", format="npz", sha256="0" * 64,
            size_bytes=1, summary=summary,
        )  # fmt: skip
        NETWORKS.add(
            connection, id=ids["HWNAS_NETWORK"], tenant_id=tenant_id, name="mine", sha256="0" * 64, size_bytes=1, summary=network
        )  # fmt: skip
    database.close()
    return ids


@dataclass(frozen=True)
class Run:
    """A server, and a schemathesis that asks it; both write to a folder."""

    http: httpx2.Client
    process: "subprocess.Popen[bytes]"
    folder: Path

    def ended(self) -> tuple[int, str]:
        """Exit code and output, once it has ended."""
        code = self.process.wait(900 * max(1, int(EXAMPLES) // 20))
        return code, (self.folder / "output").read_text()


@contextmanager
def asking(folder: Path, url: str | None) -> Iterator[Run]:
    """Begins to ask a server of its own, with a database at `url` or, without one, in SQLite."""
    settings = fast_settings(folder / "home", worker=False, database=url, max_queued=1_000_000, check_timeout_s=60.0)
    server = Server(settings)
    try:
        http = server.start()
        ids = seeded(server, url, http.get("/v1/sessions").json()["tenant_id"])
        key = http.headers["Authorization"].removeprefix("Bearer ")
        tenant = http.post("/v1/tenants", json={"name": "another"}).json()["id"]
        wanted = {"name": "another", "tenant_id": tenant, "scopes": [s for s in SCOPES if s != "admin"]}
        other = http.post("/v1/api-keys", json=wanted).json()["secret"]
        others = {"HWNAS_OTHER_KEY": other, "HWNAS_TRIED": str(folder / "tried")}
        command = [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{http.base_url}/openapi.json",
            "--max-examples", EXAMPLES, "--seed", "1", "--suppress-health-check", "all", "--no-color",
        ]  # fmt: skip
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **ids, **others, "HWNAS_KEY": key, "PYTHONPATH": str(Path(__file__).parents[2])},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield Run(http, process, folder)
        finally:
            process.kill()
            process.wait()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[dict[str, Run]]:
    """Both engines are asked at the same time: a server waits while it is asked nothing, so one run leaves a core idle."""
    with ExitStack() as stack:
        found = {"sqlite": stack.enter_context(asking(tmp_path_factory.mktemp("sqlite"), None))}
        if BINARIES:
            url = request.getfixturevalue("postgres").fresh()
            found["postgresql"] = stack.enter_context(asking(tmp_path_factory.mktemp("postgresql"), url))
        yield found


@both_engines
def test_the_service_keeps_its_description(engine: str, runs: dict[str, Run], request: pytest.FixtureRequest) -> None:
    if engine not in runs:
        request.getfixturevalue("postgres")  # says what is missing
    run = runs[engine]
    code, output = run.ended()
    assert code == 0, output[-14_000:]
    assert run.http.get("/readyz").status_code == 200
    paths = run.http.get("/openapi.json").json()["paths"]
    read_by_id = {f"GET {path}" for path, item in paths.items() if OWNED.search(path) and "get" in item} - FILES
    assert read_by_id <= set((run.folder / "tried").read_text().splitlines())
