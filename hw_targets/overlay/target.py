"""The overlays as targets of a search: which layers they run, the power-of-two file, and simulated samples in place of measured ones.

A simulator has no noise and needs no device: it takes no lock, and every round of a network is the same.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

from hw_targets.lowering import lower_int8
from hw_targets.overlay.estimate import estimate, layer_cycles
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.support import supports
from hw_targets.overlay.tenants import TenantWorkload, share
from hw_targets.overlay.unvalidated import energy, variants
from hw_targets.scheme import POWER_OF_TWO, Scheme
from hw_targets.target import KernelSample, KernelTime, Sample, Support, TargetInfo, TimingSample, check_layers
from hw_targets.timing import rounds_left
from hw_targets.weights import QuantWeights
from search_spaces.network import Layer, Network
from search_spaces.onnx_reader import read_onnx

SIMULATOR: Final = 1
"""Raise it when the simulator's numbers change: stored latency tables are of one version only."""


@dataclass(frozen=True)
class OverlayTarget:
    """Implements `hw_targets.target.Target` for one machine."""

    machine: Machine

    @property
    def scheme(self) -> Scheme:
        """What DPUs compute in."""
        return POWER_OF_TWO

    @cached_property
    def info(self) -> TargetInfo:
        """Its fingerprint covers the board, the overlay, the fitted parameters, the options and the simulator's version."""
        machine = self.machine
        whole = json.dumps([SIMULATOR, asdict(machine)], sort_keys=True)
        return TargetInfo(
            id=machine.id, kind="simulated", precision="int8", runtime=f"hwnas overlay simulator {SIMULATOR}",
            device=f"{machine.board.title}, {machine.overlay.title}, {machine.engines} engines at {machine.clock_mhz:g} MHz",
            fingerprint=hashlib.sha256(whole.encode()).hexdigest()[:16],
        )  # fmt: skip

    def supports(self, layer: Layer) -> Support:
        """Whether networks with this layer are searched for the overlay: it runs them, and published numbers validate their cost."""
        found = supports(layer, self.machine)
        if found.ok and found.unvalidated:
            return Support(False, f"{found.unvalidated} is not validated on it")
        return Support(found.ok, found.reason)

    def lower(self, network: Network, weights: QuantWeights) -> bytes:
        """The INT8 graph with power-of-two scales, for a compiler to take. Raises as `Target.lower` does."""
        fix = "Replace the layer, choose another build or board, or leave it out of the space."
        check_layers(self, network, who=self.machine.id, fix=fix)
        return lower_int8(network, weights)

    def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
        """Simulates networks; see `Target.sample`."""
        by_id = {network.id: network for network in networks}
        simulated = {sample.network for sample in done if isinstance(sample, KernelSample)}
        for key, network in by_id.items():
            if key not in simulated:
                yield KernelSample(key, self._kernels(network))
        took: dict[str, float] = {}
        for number, key in rounds_left(list(by_id), rounds, done):
            if key not in took:
                took[key] = sum(self._milliseconds(by_id[key]).values())
            yield _timing(key, number, took[key])

    def sample_file(self, model: bytes, *, rounds: int) -> Iterator[TimingSample]:
        """Simulates the network that a file holds."""
        took = sum(self._milliseconds(read_onnx(model)).values())
        for number in range(rounds):
            yield _timing(hashlib.sha256(model).hexdigest()[:16], number, took)

    def simulate(
        self,
        network: Network,
        *,
        allow_host: bool = False,
        trace: bool = False,
        what_if: bool = False,
        beside: Sequence[tuple[Network, float | None]] = (),
    ) -> dict[str, Any]:
        """`overlay.estimate.Estimate` as JSON values, and the machine's peaks; see `hw_targets.target.Simulator`."""
        machine = self.machine
        found = estimate(network, machine, allow_host=allow_host, trace=trace)
        document = found.to_json() | {
            "clock_mhz": machine.clock_mhz, "kernels": list(machine.kernels), "peak_tops": machine.peak_tops,
            "macs_per_cycle": machine.overlay.convolution.macs_per_cycle, "memory_gb_per_s": machine.board.memory.gb_per_s,
        }  # fmt: skip
        if beside or len(machine.tenants) > 1:
            others = beside or [(network, None)] * (len(machine.tenants) - 1)
            workloads = [TenantWorkload(network), *(TenantWorkload(other, density) for other, density in others)]
            document["tenants"] = [asdict(tenant) for tenant in share(workloads, machine)]
        if what_if:
            power = {"energy": asdict(energy(found, machine))} if machine.board.power else {}
            document["what_if"] = {"variants": [asdict(one) for one in variants(network, machine)], **power}
        return document

    def _kernels(self, network: Network) -> tuple[KernelTime, ...]:
        taken = self._milliseconds(network)
        return tuple(
            KernelTime(layer.name, ((layer.op, 1),), taken[layer.name])
            for layer in network.layers
            if taken[layer.name] or layer.has_weights
        )

    def _milliseconds(self, network: Network) -> Mapping[str, float]:
        per_ms = self.machine.clock_mhz * 1e3
        return {name: cycles / per_ms for name, cycles in layer_cycles(network, self.machine).items()}


def _timing(key: str, number: int, took_ms: float) -> TimingSample:
    return TimingSample(key, number, took_ms, took_ms, took_ms, 1)
