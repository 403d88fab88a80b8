"""A real Ray cluster of several nodes on this machine, for tests. No tests."""

import contextlib
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

OBJECT_STORE_BYTES: Final = 80_000_000


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps this process's handler of a request to end, which Ray replaces by one that waits for the head."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


class RayCluster:
    """A head without cores, and nodes of two cores, the first of which has a device named `board`."""

    def __init__(self, *, nodes: int, folder: Path) -> None:
        """Starts it; `folder` is for files of tests that last as long as the cluster."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from ray.cluster_utils import Cluster

        self.folder, self.cores = folder, 2 * nodes
        with _own_signals():
            self._cluster: Any = Cluster(
                initialize_head=True,
                head_node_args={"num_cpus": 0, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False},
            )
        for number in range(nodes):
            self.add_node(num_cpus=2, resources={} if number else {"device:board": 1})

    @property
    def address(self) -> str:
        """Of the head."""
        address: str = self._cluster.address
        return address

    def add_node(self, **options: Any) -> Any:
        """Adds a node."""
        with _own_signals():
            return self._cluster.add_node(object_store_memory=OBJECT_STORE_BYTES, **options)

    def remove_node(self, node: Any) -> None:
        """Lets a node leave in order."""
        self._cluster.remove_node(node)

    def kill_node(self, node: Any) -> None:
        """Kills all processes of a node at once."""
        self._cluster.remove_node(node, allow_graceful=False)

    def kill_head(self) -> None:
        """Kills the head's server, and with it the cluster."""
        self._cluster.head_node.kill_gcs_server()

    def close(self) -> None:
        """Ends it."""
        with contextlib.suppress(Exception):
            self._cluster.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
