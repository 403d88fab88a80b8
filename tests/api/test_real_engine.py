"""The whole way with the real engine: a search queued over HTTP, run by the worker, its model downloaded and run."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from api.settings import Settings
from api.testing.server import Server, eventually
from tests.api.conftest import body, serving
from tests.api.little_engine import LITTLE, SETTINGS
from tests.api.test_datasets import ZIP, digits
from tests.api.test_networks import classifier, upload
from tests.nas.own_networks import written


def test_a_search_of_the_digits_delivers_a_model_that_runs(tmp_path: Path) -> None:
    import onnxruntime

    with serving(Settings(home=tmp_path / "home", poll_s=0.05, **SETTINGS)) as client:
        created = client.post("/v1/jobs", json=body(threads=1)).json()
        # Paused in the middle of its longest stage, it stops soon, and goes on from its checkpoint when it is resumed.
        address = f"/v1/jobs/{created['id']}"
        eventually(lambda: client.get(address).json()["phase"] == "training", within_s=280)
        client.post(f"{address}/pause")
        eventually(lambda: client.get(address).json()["state"] == "paused", within_s=30)
        client.post(f"{address}/resume")
        job = eventually(
            lambda: (j := client.get(f"/v1/jobs/{created['id']}").json())["finished_at"] and j, within_s=280
        )
        assert job["state"] == "succeeded", job["error"]
        assert job["attempt"] == 1
        assert [attempt["outcome"] for attempt in job["attempts"]] == ["paused", "succeeded"]
        stream = client.get(f"/v1/jobs/{job['id']}/events", headers={"Accept": "text/event-stream"}).text
        assert stream.count("\nid: ") == job["last_event"]
        phases = {"preparing", "profiling", "training", "searching", "fine_tuning", "verifying", "delivering"}
        assert all(f'"phase":"{phase}"' in stream for phase in phases)

        curves = client.get(f"{address}/metrics").json()["items"]
        names = {(curve["phase"], curve["name"]) for curve in curves}
        assert {("training", "loss_random"), ("searching", "hypervolume"), ("fine_tuning", "int8_loss")} <= names
        chosen = job["result"]["models"]["cpu"]
        seen = client.get(f"{address}/candidates/{chosen['architecture_id']}").json()
        (target,) = seen["targets"]
        prediction = target["prediction"]
        assert seen["notes"] == target["notes"] == [] and target["model"]["model_id"] == chosen["model_id"]
        assert prediction["latency_ms"] == chosen["latency_ms"]["predicted"]
        assert abs(sum(part["latency_ms"] for part in prediction["parts"]) - prediction["latency_ms"]) < 1e-9
        assert {taken["of"] for taken in target["measurements"]} == {"candidate", "file"}
        fronts = client.get(f"{address}/pareto-front").json()
        assert [front["of"] for front in (*fronts["items"], *fronts["estimates"])] == ["trained", "candidates"]
        judged = {point["architecture_id"]: point["metric"]["value"] for point in fronts["items"][0]["points"]}
        assert len(target["finalists"]) >= 1 and len(judged) <= LITTLE.finalists
        assert [point["architecture_id"] for point in job["result"]["front"]] == list(judged)
        assert 0 < job["active_s"] < 600

        model = client.get(f"/v1/models/{job['result']['models']['cpu']['model_id']}").json()
        assert str(tmp_path) not in str(job["result"]) + str(model)
        files = {file["name"]: file["url"] for file in model["artifacts"]}
        assert {"model.int8.onnx", "model.fp32.onnx", "architecture.json", "receipt.json", "README.md"} <= set(files)
        content = client.get(files["model.int8.onnx"]).content
        receipt = client.get(files["receipt.json"]).text
        export_another(client, job)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (pixels,) = session.get_inputs()
    shape = [side if isinstance(side, int) else 2 for side in pixels.shape]
    (scores,) = session.run(None, {pixels.name: np.zeros(shape, np.uint8)})
    assert scores.shape == (2, 10)
    assert str(tmp_path) not in receipt


def export_another(client: TestClient, search: dict[str, Any]) -> None:
    """Finishes a candidate that the search did not deliver, and finds its supernet."""
    candidates = client.get(f"/v1/jobs/{search['id']}/candidates").json()["items"]
    delivered = search["result"]["models"]["cpu"]["architecture_id"]
    others = [one for one in candidates if one["architecture_id"] != delivered]
    other = min(others, key=lambda one: one["latency_ms"]["cpu"])
    spec = {"kind": "export", "job": search["id"], "architecture_id": other["architecture_id"]}
    made = client.post("/v1/jobs", json={"spec": spec}).json()
    job = eventually(lambda: (j := client.get(f"/v1/jobs/{made['id']}").json())["finished_at"] and j, within_s=280)
    assert job["state"] == "succeeded", job["error"]
    assert job["result"]["model"]["architecture"] == other["architecture"]
    stored = client.get(f"/v1/jobs/{job['id']}/checkpoints").json()["items"]
    assert {one["phase"] for one in stored if one["reused"]} >= {"preparing", "profiling", "training"}
    model = client.get(f"/v1/models/{job['result']['model']['model_id']}").json()
    assert "model.int8.onnx" in [file["name"] for file in model["artifacts"]]


def test_a_search_starts_from_an_uploaded_network(tmp_path: Path) -> None:
    file = written(classifier(10), tmp_path / "file.onnx").read_bytes()
    with serving(Settings(home=tmp_path / "home", poll_s=0.05, **SETTINGS)) as client:
        network = upload(client, file).json()["id"]
        spec = body(threads=1, start_from=network, space="auto", method="prune")
        address = f"/v1/jobs/{client.post('/v1/jobs', json=spec).json()['id']}"
        job = eventually(lambda: (j := client.get(address).json())["finished_at"] and j, within_s=280)
        assert job["state"] == "succeeded", job["error"]
        model = client.get(f"/v1/models/{job['result']['models']['cpu']['model_id']}").json()
        files = {file["name"]: client.get(file["url"]).text for file in model["artifacts"]}
        parts = ("", "/events?page_size=1000", "/candidates", "/pareto-front", "/logs", "/checkpoints")
        seen = [str(model), *files.values(), *(client.get(address + part).text for part in parts)]
    assert "my_net" in files["receipt.json"] and "my_net" in files["README.md"]
    assert not [text[:80] for text in seen if str(tmp_path) in text], "they name a path of the server"


def test_a_batch_shares_its_supernets_and_resumes_after_a_kill(tmp_path: Path) -> None:
    """Two data sets on two simulated boards, computed by two processes; the worker is killed after the first cell."""
    server = Server(
        Settings(home=tmp_path / "home", poll_s=0.05, lease_s=3, heartbeat_s=0.5, executor="processes:2", **SETTINGS)
    )
    try:
        client = server.start()
        data = client.post("/v1/datasets", params={"name": "thirds"}, content=digits(400), headers=ZIP).json()["id"]
        spec = {
            "kind": "batch", "data": ["digits", data], "spaces": ["resnet"], "targets": ["zcu104", "alveo-u200"], "budgets": ["60%"],
            "search": {"threads": 1, "augment": "none"}, "exclude": [{"data": data, "target": "alveo-u200"}],
        }  # fmt: skip
        address = f"/v1/jobs/{client.post('/v1/jobs', json={'spec': spec}).json()['id']}"

        def cells() -> list[dict[str, Any]]:
            items = client.get(f"{address}/events", params={"page_size": 1000}).json()["items"]
            return [one["event"] for one in items if one["event"]["type"] == "cell"]

        eventually(lambda: any(one["state"] == "succeeded" for one in cells()), within_s=280)
        (worker,) = server.workers()
        os.killpg(worker, signal.SIGKILL)
        job = eventually(lambda: (j := client.get(address).json())["finished_at"] and j, within_s=280)
        assert (job["state"], job["attempt"]) == ("succeeded", 2), job["error"]
        result = job["result"]
        assert result["counts"] == {"succeeded": 3} and any(cell["found"] for cell in result["cells"])
        assert (result["savings"]["supernets"], result["savings"]["supernet_uses"]) == (2, 3)
        assert {cell["data"] for cell in result["cells"]} == {"digits", data}
        assert len(result["cross"]) == 3 and all(len(row["latencies"]) == 2 for row in result["cross"])
        report = client.get(f"{address}/artifacts/report.html").text
        assert "thirds" in report
        seen = [
            report,
            *(
                client.get(address + part).text
                for part in ("", "/logs", "/artifacts/report.json", "/artifacts/report.csv")
            ),
        ]
        assert not [text[:80] for text in seen if str(tmp_path) in text], "they name a path of the server"
        for cell in result["cells"]:
            model = client.get(f"/v1/models/{cell['model']['model_id']}").json()
            assert {"model.int8.onnx", "receipt.json"} <= {file["name"] for file in model["artifacts"]}
    finally:
        server.kill()
