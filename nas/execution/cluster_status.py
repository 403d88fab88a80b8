"""What a Ray cluster has and does: its nodes with their versions, hwnas's workers on it, and what is wrong.

A process of its own asks the cluster (`cluster_report.py`): Ray may block, and is not loaded into this one.
"""

import json
import subprocess
import sys
from typing import Final

from pydantic import Field

from nas.errors import ClusterUnreachable
from nas.execution import cluster_address, cluster_errors
from nas.execution.packing import restored_error
from nas.execution.spawned import child_environment
from nas.frozen import FrozenModel

ANSWER_S: Final = 120.0


class ClusterNode(FrozenModel):
    """A node of a cluster."""

    address: str
    host: str | None = Field(description="name of its machine; null where it did not answer")
    driver: bool = Field(description="whether it is this machine")
    alive: bool
    cores: int = Field(description="that Ray may use")
    memory_bytes: int = Field(description="that Ray may use")
    object_store_bytes: int
    devices: dict[str, int] = Field(description="devices that can be measured there, by name")
    versions: dict[str, str] | None = Field(
        description="of hwnas, its code, Python and Ray; null where it did not answer"
    )
    usable: bool = Field(description="whether work is sent to it: its versions are those of this machine")


class ClusterWorkerState(FrozenModel):
    """A worker that a search or a batch has on a cluster."""

    name: str
    node: str = Field(description="address of its node")
    item: str | None = Field(description="what it does now; null where it waits")
    seconds: float | None = Field(description="since when")


class ClusterStatus(FrozenModel):
    """A cluster now."""

    address: str = Field(description="of its head")
    cores: int = Field(description="of usable nodes")
    cores_free: float = Field(description="of all nodes, not reserved by anyone")
    nodes: tuple[ClusterNode, ...]
    workers: tuple[ClusterWorkerState, ...]
    problems: tuple[str, ...]


def cluster_status(address: str = "auto") -> ClusterStatus:
    """The state of a cluster.

    Args:
        address: host and port of its head; `auto` is the cluster of which this machine is a node.

    Raises:
        ClusterUnreachable: there is no cluster, or it does not answer.
        ClusterMismatch: it has another version of Ray or of Python.
    """
    cluster_address.check_address(address)
    try:
        run = subprocess.run(  # noqa: S603 (a module of this package)
            [sys.executable, "-m", "nas.execution.cluster_report", address],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=child_environment(),
            timeout=ANSWER_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise cluster_errors.unreachable(address, f"it has not answered within {ANSWER_S:g} s") from None
    try:
        document = json.loads(run.stdout)
    except ValueError:
        lines = run.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"the process that asked it ended with {run.returncode}"
        raise ClusterUnreachable(
            f"The Ray cluster at {address} could not be asked: {reason}.",
            fix="Check the head and this machine's Ray node.",
        ) from None
    if "class" in document:
        raise restored_error(document)
    return ClusterStatus.model_validate(document)
