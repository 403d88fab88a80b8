"""The errors of Ray clusters, and the words for why a worker was lost."""

from collections.abc import Iterable

from nas.errors import ClusterLost, ClusterMismatch, ClusterUnreachable, ObjectStoreFull, UnmetNeeds
from nas.execution.cluster_plan import DEVICE, Node
from nas.execution.work import OUT_OF_MEMORY, Needs


def unreachable(address: str, reason: str) -> ClusterUnreachable:
    """An address to which no connection could be made."""
    return ClusterUnreachable(
        f"There is no Ray cluster at {address}: {reason}.",
        fix="Start its head (ray start --head), and this machine as a node of it "
        f"(ray start --address={address if address != 'auto' else 'HOST:PORT'} --num-cpus=0), then run the same command again.",
        facts={"address": address, "reason": reason},
    )


def cluster_lost(address: str, reason: str) -> ClusterLost:
    """A cluster that was there before."""
    return ClusterLost(
        f"The Ray cluster at {address} was lost: {reason}.",
        fix="Start the cluster again, then run the same command: what was computed is stored, and it continues.",
        facts={"address": address},
    )


def mismatch(address: str, nodes: list[str]) -> ClusterMismatch:
    """A cluster none of whose nodes is as this machine."""
    return ClusterMismatch(
        f"No node of the Ray cluster at {address} can be used: {'; '.join(nodes)}.",
        fix="Install the same versions of hwnas, Python and Ray here and on all nodes: one image for all.",
        facts={"address": address, "nodes": nodes},
    )


def unmet_needs(needs: Needs, address: str, nodes: Iterable[Node]) -> UnmetNeeds:
    """An item that needs more than any node has."""
    wanted = [f"{needs.cores} cores"]
    wanted += [f"{needs.memory_bytes / 1e9:.1f} GB of memory"] if needs.memory_bytes else []
    wanted += [f"the device {needs.device}"] if needs.device else []
    largest = max((node.resources.get("CPU", 0) for node in nodes), default=0)
    return UnmetNeeds(
        f"No node of the Ray cluster at {address} has {' and '.join(wanted)}; the largest has {largest:g} cores.",
        fix="Add such a node"
        + (f", started with --resources='{{\"{DEVICE}{needs.device}\": 1}}'" if needs.device else "")
        + ", or give fewer --threads.",
        facts={"cores": needs.cores, "memory_bytes": needs.memory_bytes, "device": needs.device},
    )


def object_store_full(reason: str) -> ObjectStoreFull:
    """A node whose object store has no room."""
    return ObjectStoreFull(
        f"The cluster's object store is full: {' '.join(reason.split())[:300]}",
        fix="Start its nodes with a larger --object-store-memory or more free disk, or give --store a URL that every node can open.",
    )


def loss_reason(error: BaseException) -> str:
    """Why a worker was lost, by the error of a call to it; it follows "its worker"."""
    text = str(error)
    if type(error).__name__ == "OutOfMemoryError" or "running low on memory" in text:
        return OUT_OF_MEMORY
    if "node" in text and ("died" in text or "dead" in text or "lost" in text) and "worker process" not in text:
        return "was lost with its node"
    return f"was lost ({first_line(error)})"


def first_line(error: BaseException) -> str:
    """The first line of an error's text."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".: ") if lines else type(error).__name__
