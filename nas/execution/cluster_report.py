"""The process that asks a Ray cluster for its state: `python -m nas.execution.cluster_report ADDRESS` prints one JSON document."""

import json
import os
import sys
from typing import Any, Final

from nas.execution import cluster_address, handshake
from nas.execution.cluster_plan import DEVICE
from nas.execution.cluster_status import ClusterNode, ClusterStatus, ClusterWorkerState
from nas.execution.packing import error_document
from search_spaces.errors import HwnasError

DESCRIBED_S: Final = 60.0
RUNNING_S: Final = 5.0


def report(address: str) -> ClusterStatus:
    """The state of the cluster to which this process is connected."""
    import ray

    listed: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # a part of Ray has no types
    descriptions = _descriptions([node["NodeID"] for node in listed if node["Alive"]])
    ours, here = handshake.describe(), ray.get_runtime_context().get_node_id()
    problems: list[str] = []
    nodes = [_node(node, descriptions.get(node["NodeID"]), ours, here, problems) for node in listed]
    usable = [node for node in nodes if node.usable]
    if not any(node.cores for node in usable):
        problems.append("No usable node has cores: no work can run.")
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    workers = _workers(problems)
    return ClusterStatus(
        address=address,
        cores=sum(node.cores for node in usable),
        cores_free=free.get("CPU", 0.0),
        nodes=tuple(sorted(nodes, key=lambda node: (not node.alive, node.address))),
        workers=tuple(workers),
        problems=tuple(problems),
    )


def _node(
    node: dict[str, Any], versions: dict[str, str] | None, ours: dict[str, str], here: str, problems: list[str]
) -> ClusterNode:
    address, resources = node["NodeManagerAddress"], node["Resources"]
    if not node["Alive"]:
        problems.append(f"The node {address} has left: {node.get('DeathReasonMessage') or 'no reason is known'}.")
    elif versions is None:
        problems.append(f"The node {address} is not used: no hwnas answers there.")
    elif differences := handshake.differences(ours, versions):
        problems.append(f"The node {address} is not used: it has {', '.join(differences)}.")
    return ClusterNode(
        address=address,
        host=None if versions is None else versions["host"],
        driver=node["NodeID"] == here,
        alive=node["Alive"],
        cores=int(resources.get("CPU", 0)),
        memory_bytes=int(resources.get("memory", 0)),
        object_store_bytes=int(resources.get("object_store_memory", 0)),
        devices={n.removeprefix(DEVICE): int(count) for n, count in resources.items() if n.startswith(DEVICE)},
        versions=None if versions is None else {name: versions[name] for name in handshake.CHECKED},
        usable=versions is not None and not handshake.differences(ours, versions),
    )


def _descriptions(nodes: list[str]) -> dict[str, dict[str, str]]:
    """What each node says of itself, of those that answer in time."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    describe: Any = ray.remote(handshake.describe)
    asked = {
        describe.options(
            num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
        ).remote(): node
        for node in nodes
    }
    ready, _ = ray.wait(list(asked), num_returns=max(1, len(asked)), timeout=DESCRIBED_S) if asked else ([], [])
    found: dict[str, dict[str, str]] = {}
    for reference in ready:
        try:
            found[asked[reference]] = ray.get(reference, timeout=RUNNING_S)
        except Exception:  # noqa: BLE001, S112 (a node that cannot answer, for whatever reason, is reported as such)
            continue
    return found


def _workers(problems: list[str]) -> list[ClusterWorkerState]:
    """What hwnas's workers do; their names begin with the address of their node."""
    import ray
    from ray.util import list_named_actors

    named: Any = list_named_actors(all_namespaces=True)
    names = sorted(one["name"] for one in named if one["namespace"] == cluster_address.NAMESPACE)
    asked: dict[str, Any] = {}
    for name in names:
        try:
            asked[name] = ray.get_actor(name, namespace=cluster_address.NAMESPACE).running.remote()
        except ValueError:  # it has ended meanwhile
            continue
    if asked:
        ray.wait(list(asked.values()), num_returns=len(asked), timeout=RUNNING_S)
    states = []
    for name, reference in asked.items():
        running: dict[str, Any] = {}
        try:
            running = ray.get(reference, timeout=0.1)
        except Exception as error:  # noqa: BLE001 (a worker that cannot answer, for whatever reason, is reported as such)
            problems.append(f"The worker {name} does not answer: {type(error).__name__}.")
        states.append(
            ClusterWorkerState(
                name=name, node=name.partition(" ")[0], item=running.get("item"), seconds=running.get("seconds")
            )
        )
    return states


def main(address: str) -> None:
    """Prints the state, or the document of an error."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        document = report(cluster_address.connect(address)).model_dump(mode="json")
    except HwnasError as error:
        document = error_document(error)
    json.dump(document, answer)
    answer.flush()
    os._exit(0)  # Ray may wait for what does not answer


if __name__ == "__main__":
    main(sys.argv[1])
