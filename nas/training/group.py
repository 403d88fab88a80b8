"""A group of processes that train one network together: what they share of each step, over torch.distributed.

Each rank has a part of every batch; what is summed over the ranks is then that of the whole batch. Alone, a rank has all of it, and
nothing is sent. Not here: how the processes are started (`workers.py`), what they train.
"""

import fcntl
import json
import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import torch
import torch.distributed
from torch import Tensor
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from hw_targets.stopping import check_cancelled

PATIENCE: Final = timedelta(minutes=30)
"""How long a rank waits for the others: longer than any of them waits for a measurement on its machine."""

JOINING: Final = timedelta(minutes=2)
"""How long a rank waits for the others to begin."""
HERE: Final = "here"
INTERFACES: Final = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")
SIOCGIFADDR: Final = 0x8915
TEXT_BYTES: Final = 1024
"""Of a text that ranks exchange: host name and devices. JSON, since what is pickled would run code of whoever reaches the network."""


class PeerLost(Exception):
    """Another process of the group ended or did not answer; the training goes on from its checkpoint with those that are left."""


@dataclass(frozen=True, slots=True)
class Group:
    """One rank's view of its group. All ranks call the same methods in the same order.

    Attributes:
        rank: from 0.
        size: how many ranks there are.
        device: of the tensors that are sent.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def alone(self) -> bool:
        """Whether there is no other rank."""
        return self.size == 1

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all ranks, in place."""
        if not self.alone:
            with _peers_may_be_lost():
                torch.distributed.all_reduce(values)
        return values

    def gather(self, values: Tensor) -> Tensor:
        """The values of all ranks, (size, *shape)."""
        result = values.new_empty((self.size, *values.shape))
        with _peers_may_be_lost():
            torch.distributed.all_gather(list(result.unbind(0)), values.contiguous())
        return result

    def any(self, flag: bool) -> bool:
        """Whether the flag is true on any rank. No rank goes on before all have asked."""
        return flag if self.alone else bool(self.sum(torch.tensor(float(flag), device=self.device)))

    def broadcast(self, blob: bytes | None) -> bytes | None:
        """What the first rank gives."""
        if self.alone:
            return blob
        first = self.rank == 0
        length = torch.tensor(-1 if blob is None or not first else len(blob), device=self.device)
        with _peers_may_be_lost():
            torch.distributed.broadcast(length, 0)
            if length < 0:
                return None
            sent = torch.frombuffer(bytearray(blob), dtype=torch.uint8) if first and blob else torch.empty(0)
            content = sent.to(self.device) if first else torch.empty(int(length), dtype=torch.uint8, device=self.device)
            torch.distributed.broadcast(content, 0)
        return content.cpu().numpy().tobytes()

    def sum_gradients(self, leaves: Iterable[Tensor]) -> None:
        """Makes each leaf's gradient the sum over all ranks, which have gradients of the same leaves."""
        gradients = [leaf.grad for leaf in leaves if leaf.grad is not None]
        if self.alone or not gradients:
            return
        whole = self.sum(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        for gradient, part in zip(gradients, whole.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view(gradient.shape))

    def sum_metrics(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """The sums of named numbers over all ranks."""
        if self.alone:
            return dict(metrics)
        sums = self.sum(torch.tensor([metrics[name] for name in sorted(metrics)], device=self.device))
        return dict(zip(sorted(metrics), sums.tolist(), strict=True))

    def to_lock(self, devices: Sequence[str]) -> tuple[str, ...]:
        """The devices that this rank locks while a step is computed, see `hw_targets.lock`.

        The first rank on a machine locks those of all ranks there, the others none: were each to lock its own, one could hold a device
        and wait for a rank that waits for the process that waits for that device.
        """
        if self.alone:
            return tuple(devices)
        own = json.dumps([socket.gethostname(), list(devices)]).encode().ljust(TEXT_BYTES)
        texts = self.gather(torch.frombuffer(bytearray(own), dtype=torch.uint8).to(self.device)).cpu().numpy()
        everyone = [json.loads(text.tobytes()) for text in texts]
        here = [rank for rank, (host, _) in enumerate(everyone) if host == everyone[self.rank][0]]
        return tuple(sorted({d for rank in here for d in everyone[rank][1]})) if here[0] == self.rank else ()


ALONE: Final = Group()
"""One process that trains by itself."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where the ranks of a group find each other: a key-value store that their caller serves while they work."""

    host: str
    port: int

    def store(self) -> TCPStore:
        """A connection to it."""
        return TCPStore(self.host, self.port, is_master=False, timeout=JOINING)

    def arrived(self) -> int:
        """How many ranks are there."""
        count: int = self.store().add(HERE, 0)
        return count


@contextmanager
def meeting(host: str) -> Iterator[Meeting]:
    """Serves a meeting at an address of this machine, by which the ranks reach it. One meeting is for one group."""
    with socket.create_server((host, 0)) as server:
        port = server.getsockname()[1]
        # kept alive by name: it serves as long as the object exists, and it owns the descriptor
        served = TCPStore(host, port, is_master=True, wait_for_workers=False, master_listen_fd=os.dup(server.fileno()))
        yield Meeting(host, port)
        del served


@contextmanager
def joined(rank: int, size: int, at: Meeting, device: str) -> Iterator[Group]:
    """A rank's group, from when all ranks are there: over gloo on processors, over NCCL on GPUs.

    Args:
        rank: from 0.
        size: how many ranks there are.
        at: the same for all of them.
        device: that the rank computes on.

    Raises:
        PeerLost: the others do not come or one of them ends meanwhile; or this rank was there before, and the others know another one.
        Whatever cancels the job (`hw_targets/stopping.py`), while it waits.
    """
    with _peers_may_be_lost():
        store = at.store()
        _await_all(store, rank, size)
        with _own_interface(at):
            backend = "gloo" if device == "cpu" else "nccl"
            torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    try:
        yield Group(rank, size, device)
    finally:
        torch.distributed.destroy_process_group()


def _await_all(store: TCPStore, rank: int, size: int) -> None:
    if store.add(f"began/{rank}", 1) > 1:
        raise PeerLost(f"rank {rank} had begun before")
    store.add(HERE, 1)
    until = time.monotonic() + JOINING.total_seconds()
    while store.add(HERE, 0) < size:
        check_cancelled()
        if time.monotonic() > until:
            raise PeerLost("not all ranks came")
        time.sleep(0.02)


@contextmanager
def _own_interface(at: Meeting) -> Iterator[None]:
    """Lets gloo and NCCL listen on the network by which the meeting is reached, unless the user names one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((at.host, at.port))  # sends nothing
        address = probe.getsockname()[0]
        name = next((n for _, n in socket.if_nameindex() if _address_of(n, probe) == address), None)
    variables = {} if name is None else {v: name for v in INTERFACES if v not in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for variable in variables:
            del os.environ[variable]


def _address_of(interface: str, probe: socket.socket) -> str | None:
    """The IPv4 address of a network interface."""
    try:
        answer = fcntl.ioctl(probe, SIOCGIFADDR, struct.pack("256s", interface.encode()))
    except OSError:
        return None
    return socket.inet_ntoa(answer[20:24])


@contextmanager
def _peers_may_be_lost() -> Iterator[None]:
    """Types the errors of torch.distributed, which names a lost connection in words alone."""
    try:
        yield
    except RuntimeError as error:
        raise PeerLost(str(error)) from error
