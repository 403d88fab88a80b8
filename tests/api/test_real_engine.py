"""The whole way with the real engine: a search queued over HTTP, run by the worker, its model downloaded and run."""

from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from api.settings import Settings
from api.testing.server import eventually
from tests.api.conftest import body, serving
from tests.api.little_engine import LITTLE, SETTINGS
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
