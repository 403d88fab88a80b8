"""Several networks on one card: tenants get whole kernels, so none waits for another's engines. Not here: what a kernel costs.

A retraining tenant is priced by `unvalidated.training`, an inference tenant by `estimate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hw_targets.errors import InvalidMachine
from hw_targets.overlay.estimate import cycles
from hw_targets.overlay.machine import Machine
from search_spaces.network import Network


@dataclass(frozen=True, slots=True)
class Tenant:
    """What one tenant gets: engines of its kernels, images a second of all of them, milliseconds of one request."""

    network: str
    kernels: tuple[int, ...]
    images_per_s: float
    latency_ms: float


def share(networks: Sequence[Network], machine: Machine) -> tuple[Tenant, ...]:
    """Gives the machine's tenants their kernels, in order, and costs each tenant's network on them.

    Raises:
        InvalidMachine: there are more or fewer networks than tenants.
        UnsupportedLayer: the machine cannot run one of the networks.
    """
    if len(networks) != len(machine.tenants):
        raise InvalidMachine(
            f"{len(networks)} networks for {len(machine.tenants)} tenants of {machine.id!r}.",
            fix="State tenants=N in the machine's id, and give a network for each.",
        )
    found, first = [], 0
    for network, count in zip(networks, machine.tenants, strict=True):
        own = machine.kernels[first : first + count]
        first += count
        needed = cycles(network, machine)
        rate = sum(own) * machine.clock_mhz * 1e6 / needed
        found.append(Tenant(network.name, own, rate, needed / machine.clock_mhz / 1e3))
    return tuple(found)
