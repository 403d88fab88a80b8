"""Two simulated targets for tests: a DPU that needs power-of-two scales and rejects layers, and a board that runs everything.

Their latencies are sums over layers that a reader can work out: a microsecond a layer and a nanosecond for a thousand
multiply-accumulates. No tests.
"""

import hashlib
from collections.abc import Iterator, Sequence

import pytest

from hw_targets import registry
from hw_targets.errors import UnsupportedLayer
from hw_targets.lowering import lower_int8
from hw_targets.registry import TargetEntry
from hw_targets.scheme import AFFINE, POWER_OF_TWO, Scheme
from hw_targets.target import KernelSample, KernelTime, Sample, Support, TargetInfo, TimingSample
from hw_targets.timing import rounds_left
from hw_targets.weights import QuantWeights
from search_spaces.cost import layer_macs
from search_spaces.network import OPERATORS, Layer, Network
from search_spaces.onnx_reader import read_onnx


class Board:
    """A simulated target that runs everything in the usual form."""

    info = TargetInfo("board", "simulated", "int8", "simulator 1", "a board", "b0a2d")
    scheme: Scheme = AFFINE

    def supports(self, layer: Layer) -> Support:
        """Every operator that there is."""
        return Support(layer.op in OPERATORS, "" if layer.op in OPERATORS else f"operator {layer.op} is unknown")

    def lower(self, network: Network, weights: QuantWeights) -> bytes:
        """The exchange form, in this target's scheme."""
        for layer in network.layers:
            if not self.supports(layer).ok:
                raise UnsupportedLayer("No.", fix="Leave it out.", facts={"layer": layer.name})
        assert weights.scheme == self.scheme
        return lower_int8(network, weights)

    def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
        """Exact samples, no clock and no lock."""
        by_id = {n.id: n for n in networks}
        profiled = {s.network for s in done if isinstance(s, KernelSample)}
        for key, network in by_id.items():
            if key not in profiled:
                times = tuple(KernelTime(x.name, ((x.op, 1),), layer_ms(x)) for x in network.layers)
                yield KernelSample(key, times)
        for number, key in rounds_left(list(by_id), rounds, done):
            taken = sum(map(layer_ms, by_id[key].layers))
            yield TimingSample(key, number, taken, taken, taken, 1)

    def sample_file(self, model: bytes, *, rounds: int) -> Iterator[TimingSample]:
        """What the network of the file takes; the engine never asks."""
        taken = sum(map(layer_ms, read_onnx(model).layers))
        for number in range(rounds):
            yield TimingSample(hashlib.sha256(model).hexdigest()[:16], number, taken, taken, taken, 1)


class Dpu(Board):
    """A simulated target with power-of-two scales that cannot multiply maps, and has no soft gates and no 7x7 kernels."""

    info = TargetInfo("dpu", "simulated", "int8", "simulator 1", "a DPU", "d00d")
    scheme = POWER_OF_TWO

    def supports(self, layer: Layer) -> Support:
        """No products, hard-sigmoid, hard-swish or 7x7 kernels."""
        if layer.op == "mul":
            return Support(False, "no element-wise multiplication")
        if layer.activation in ("hard_sigmoid", "hard_swish"):
            return Support(False, f"no {layer.activation}")
        if layer.op == "conv" and max(layer.kernel) > 5:
            return Support(False, "kernels up to 5x5 only")
        return super().supports(layer)


def layer_ms(layer: Layer) -> float:
    """What a layer takes on both, milliseconds."""
    return 1e-3 + 1e-9 * layer_macs(layer)


def install(patch: pytest.MonkeyPatch) -> None:
    """Makes both known by their ids."""
    own = (
        TargetEntry("board", "a board", lambda _: Board(), lambda: ""),
        TargetEntry("dpu", "a DPU", lambda _: Dpu(), lambda: ""),
    )
    patch.setattr(registry, "BUILT_IN", (*registry.BUILT_IN, *own))
