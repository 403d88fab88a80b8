"""The files that deploy the service on several machines: docker-compose.yml with its profile, and the Kubernetes manifests in `docs/`.

Kubernetes' own objects are held to its published schemas. KubeRay's are in no package: `tests/raycluster.schema.json` is written by
hand, for the fields that the manifest uses, after KubeRay's `ray.io/v1`; their pod templates are held to Kubernetes' schema as well.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.repository import ROOT

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
CLUSTER = {"objects", "ray-head", "ray-worker", "cluster-worker"}
MANIFESTS = ROOT / "docs" / "kubernetes"
KUBERNETES = "1.34"


def _objects(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((MANIFESTS / name).read_text()))


def _ray_cluster() -> dict[str, Any]:
    (found,) = [one for one in _objects("raycluster.yaml") if one["kind"] == "RayCluster"]
    return found


# --- docker-compose


def test_the_cluster_starts_only_with_its_profile() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" in service} == CLUSTER
    assert all(SERVICES[name]["profiles"] == ["cluster"] for name in CLUSTER)


def test_the_cluster_is_private_and_authenticated() -> None:
    networks = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"]
    assert networks["cluster"] == {"internal": True}
    assert not any("ports" in SERVICES[name] for name in CLUSTER)
    for name in ("objects", "ray-head", "ray-worker"):
        assert SERVICES[name]["networks"] == ["cluster"]
    for name in CLUSTER - {"objects"}:
        environment = SERVICES[name]["environment"]
        assert (
            environment["RAY_AUTH_MODE"] == "token" and environment["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"
        )
        assert "ray_token" in SERVICES[name]["secrets"]


def test_nodes_that_compute_have_no_secret_of_the_database_and_cannot_write_the_home() -> None:
    for name in ("ray-head", "ray-worker"):
        service = SERVICES[name]
        assert "database_url" not in service["secrets"] and service["environment"]["HWNAS_DATABASE_FILE"] == ""
        assert service["volumes"] == ["data:/var/lib/hwnas:ro"]


def test_every_part_of_the_cluster_has_a_healthcheck_and_limits() -> None:
    for name in CLUSTER:
        assert SERVICES[name]["healthcheck"]["test"]
        assert set(SERVICES[name]["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


def test_head_and_driver_compute_nothing() -> None:
    assert "--num-cpus=0" in SERVICES["ray-head"]["command"]
    assert "--num-cpus=0" in SERVICES["cluster-worker"]["command"][2]
    assert "--num-cpus=${HWNAS_RAY_CPUS:-2}" in SERVICES["ray-worker"]["command"]


DRIVERS = {
    "compose": SERVICES["cluster-worker"]["command"][2].replace("$$", "$"),
    "kubernetes": next(
        one["spec"]["template"]["spec"]["containers"][0]["command"][2]
        for one in _objects("service.yaml")
        if one["metadata"]["name"] == "hwnas-worker"
    ),
}


@pytest.mark.parametrize("place", DRIVERS)
@pytest.mark.parametrize("ends", ["ray", "hwnas", "the container"])
def test_a_worker_in_the_cluster_ends_when_either_process_does(place: str, ends: str, tmp_path: Path) -> None:
    """Both programs are stand-ins that write a file when they start and one when they are told to stop."""
    for name in ("ray", "hwnas"):
        (tmp_path / name).write_text(
            f"#!/bin/bash\ncd {tmp_path}\ntrap 'touch {name}.stopped; exit 0' TERM\necho $$ > {name}.pid\n"
            "while true; do sleep 0.05; done\n"
        )
    (tmp_path / "python").write_text("#!/bin/bash\nexit 0\n")
    for name in ("ray", "hwnas", "python"):
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    container = subprocess.Popen(["bash", "-c", DRIVERS[place]], env=environment, start_new_session=True)
    pids = {name: _pid(tmp_path / f"{name}.pid") for name in ("ray", "hwnas")}
    try:
        os.kill(container.pid if ends == "the container" else pids[ends], signal.SIGTERM)
        assert container.wait(20) == (0 if ends == "the container" else 1)
        assert (tmp_path / "hwnas.stopped").exists() == (ends != "ray")
    finally:
        os.killpg(container.pid, signal.SIGKILL)


def _pid(file: Path) -> int:
    deadline = time.monotonic() + 20
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(file.read_text())


# --- Kubernetes


@pytest.mark.parametrize("file", ["service.yaml", "raycluster.yaml"])
def test_the_manifests_are_valid(file: str) -> None:
    for one in _objects(file):
        if one["kind"] == "RayCluster":
            jsonschema.validate(one, json.loads((ROOT / "tests" / "raycluster.schema.json").read_text()))
        else:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_the_pods_of_the_ray_cluster_are_valid() -> None:
    spec = _ray_cluster()["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": group["template"]}
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def test_the_schema_finds_what_is_wrong() -> None:
    schema = json.loads((ROOT / "tests" / "raycluster.schema.json").read_text())
    for path, value in (
        (("spec", "headGroupSpec", "rayStartParams", "num-cpus"), 0),  # numbers are texts there
        (("spec", "workerGroupSpecs", 0, "replica"), 1),
        (("spec", "workerGroupSpecs", 0, "groupName"), None),
        (("apiVersion",), "ray.io/v1alpha1"),
    ):
        wrong = json.loads(json.dumps(_ray_cluster()))
        place = wrong
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_the_manifests_fit_each_other() -> None:
    cluster = _ray_cluster()
    objects = _objects("service.yaml")
    text = (MANIFESTS / "service.yaml").read_text()
    assert f"ray:{cluster['metadata']['name']}-head-svc:6379" in text  # KubeRay's name of the head's service
    ray = (ROOT / "constraints.txt").read_text().partition("\nray==")[2].partition("\n")[0]
    assert cluster["spec"]["rayVersion"] == ray
    named = {secret["secretKeyRef"]["name"] for secret in _find([*objects, cluster], "valueFrom")}
    assert all(f"create secret generic {name} " in text for name in named) and len(named) == 3


def test_ray_on_kubernetes_is_private_and_authenticated() -> None:
    policies = [one for one in _objects("raycluster.yaml") if one["kind"] == "NetworkPolicy"]
    spec = _ray_cluster()["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert group["template"]["metadata"]["labels"] == policies[0]["spec"]["podSelector"]["matchLabels"]
        for container in group["template"]["spec"]["containers"]:
            assert {"name": "RAY_AUTH_MODE", "value": "token"} in container["env"]
            assert container["readinessProbe"] and container["livenessProbe"]  # KubeRay's need wget
    assert all("NodePort" not in str(one) and "LoadBalancer" not in str(one) for one in _objects("service.yaml"))


def _find(document: Any, name: str) -> list[Any]:
    """All values of a key, however nested."""
    if isinstance(document, dict):
        return [v for k, v in document.items() if k == name] + [x for v in document.values() for x in _find(v, name)]
    return [x for v in document for x in _find(v, name)] if isinstance(document, list) else []
