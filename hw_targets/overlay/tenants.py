"""Several networks on one board: tenants get whole kernels, so no tenant waits for another's engines. Not here: what a kernel costs.

A retraining tenant is costed by `unvalidated.training`, an inference tenant by `estimate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hw_targets.errors import InvalidMachine
from hw_targets.overlay.estimate import cycles
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.unvalidated import LABEL, training
from search_spaces.network import Network


@dataclass(frozen=True, slots=True)
class TenantWorkload:
    """What one tenant runs: inference of a network, or its retraining with this density of weights left (1 is dense)."""

    network: Network
    training_density: float | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """What one tenant gets.

    Attributes:
        what: `inference`, or `training` with its density.
        kernels: engines of each of its kernels.
        images_per_s: of all of them.
        latency_ms: of one request; of one image a step where it trains.
        label: `unvalidated` where no published number validates it.
    """

    network: str
    what: str
    kernels: tuple[int, ...]
    images_per_s: float
    latency_ms: float
    label: str = ""


def share(workloads: Sequence[TenantWorkload], machine: Machine) -> tuple[Tenant, ...]:
    """Gives the machine's tenants their kernels, in order, and costs each tenant's network on them.

    Raises:
        InvalidMachine: there are more or fewer networks than tenants.
        UnsupportedLayer: the machine cannot run one of the networks.
    """
    if len(workloads) != len(machine.tenants):
        raise InvalidMachine(
            f"{len(workloads)} networks for {len(machine.tenants)} tenants of {machine.id!r}.",
            fix="State tenants=N in the machine's id, and give a network for each.",
        )
    found, first = [], 0
    for one, count in zip(workloads, machine.tenants, strict=True):
        own = machine.kernels[first : first + count]
        first += count
        found.append(_tenant(one, own, machine))
    return tuple(found)


def _tenant(one: TenantWorkload, kernels: tuple[int, ...], machine: Machine) -> Tenant:
    needed, what, label = cycles(one.network, machine), "inference", ""
    if one.training_density is not None:
        variant = training(one.network, machine, one.training_density)
        needed, what, label = variant.cycles, variant.what, LABEL
    rate = sum(kernels) * machine.clock_mhz * 1e6 / needed
    return Tenant(one.network.name, what, kernels, rate, needed / machine.clock_mhz / 1e3, label)
