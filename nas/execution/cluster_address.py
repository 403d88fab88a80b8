"""Addresses of Ray clusters: whether a cluster answers there, and connecting this process to it. Ray is imported by `connect` alone."""

import logging
import os
import socket
from typing import Any, Final

from nas.errors import ClusterMismatch, ClusterUnreachable
from nas.execution.cluster_errors import unreachable

NAMESPACE: Final = "hwnas"
ANSWER_S: Final = 3.0

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How a client of gRPC begins: the preface of HTTP/2, and an empty frame of settings."""
_SETTINGS: Final = 4
"""Type of the frame with which the server answers."""


def check_address(address: str) -> None:
    """Checks that something that may be the head of a Ray cluster answers, within seconds.

    Args:
        address: host and port of the head; `auto` is what RAY_ADDRESS has, else a cluster of this machine, which Ray looks for.

    Raises:
        ClusterUnreachable: nothing does, or the address is none.
    """
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", "auto")
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise ClusterUnreachable(
            f"{address!r} is no address of a Ray cluster.",
            fix="Give the head's host and port, such as ray:10.0.0.1:6379, or ray:auto on a machine of the cluster. "
            "Addresses of the Ray Client (ray://) are not used.",
            facts={"address": address},
        )
    if not answers(host.strip("[]"), int(port)):
        raise unreachable(address, "nothing there answers as a Ray head does")


def answers(host: str, port: int, timeout_s: float = ANSWER_S) -> bool:
    """Whether a server of gRPC, as a Ray head is, answers at an address."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(_PREFACE)
            frame = connection.recv(9)
    except OSError:
        return False
    return len(frame) >= 4 and frame[3] == _SETTINGS


def connect(address: str | None) -> str:
    """Connects this process to a cluster as a driver; without an address, to a new one of this machine, which ends with the process.

    Returns:
        The address of the head.

    Raises:
        ClusterUnreachable: there is none, or this machine is no node of it.
        ClusterMismatch: it has another version of Ray or of Python.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL", "minor")
    import ray

    if address is not None:
        check_address(address)
    options: dict[str, Any] = {"namespace": NAMESPACE, "log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"num_cpus": len(os.sched_getaffinity(0)), "include_dashboard": False}
    try:
        context: Any = ray.init(address=address or "local", **options)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "ersion mismatch" in str(error):
            raise ClusterMismatch(
                f"The Ray cluster at {address} has another version of Ray or Python: {' '.join(str(error).split())}",
                fix="Install the same versions of Ray and Python here and on all nodes: one image for all.",
                facts={"address": address},
            ) from error
        raise unreachable(address or "this machine", reason.rstrip(".")) from error
    found: str = context.address_info["gcs_address"]
    return found
