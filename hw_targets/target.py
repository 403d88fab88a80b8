"""The interface between the engine and hardware: what every target implements, and the values it returns.

A simulated target returns the same: a `KernelSample` a network, then one `TimingSample` for each requested round (its three
quantiles equal, one run); it must not hold the lock of a device.

A target is measured in samples, so that an interrupted profile continues from those already stored: first one
`KernelSample` a network (its per-layer times under the runtime's profiler), then rounds of end-to-end `TimingSample`s
interleaved over all networks. `profiles` folds samples into one `Profile` a network.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from hw_targets.errors import UnsupportedLayer
from hw_targets.quantized_file import FileKernels
from hw_targets.scheme import Scheme
from hw_targets.weights import QuantWeights
from search_spaces.network import Layer, Network


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What a target is.

    Attributes:
        id: canonical id with options, for example `cpu:threads=2`; `cpu` alone is one thread.
        kind: the source of its numbers: `measured` on the device, or `simulated`.
        precision: of the arithmetic, `int8` or `fp16`.
        runtime: what runs the network, with its version.
        device: the device in words.
        fingerprint: hash of all that its latencies depend on (device, runtime, options); tables are valid under one only.
        device_id: of what is measured, by one job at a time: a device of this machine (`cpu`), or, beginning with
            `//`, one that is reached over the network, by a name that is the same from every machine. The target's own name
            when empty; a simulated target has none.
        batch: images of a run; latencies are of the whole batch.
    """

    id: str
    kind: Literal["measured", "simulated"]
    precision: str
    runtime: str
    device: str
    fingerprint: str
    device_id: str = ""
    batch: int = 1


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a target runs a layer; `reason` says why not."""

    ok: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KernelTime:
    """Kernels of one lowered group in one network run.

    Attributes:
        layer: name of the layer they belong to.
        kernels: how many of each kernel type (runtime's operator name) ran, sorted by type.
        latency_ms: their summed time under the profiler, less what the profiler costs a kernel on average; what a run costs
            besides its kernels is shared among them.
    """

    layer: str
    kernels: tuple[tuple[str, int], ...]
    latency_ms: float


@dataclass(frozen=True, slots=True)
class KernelSample:
    """One network under the profiler."""

    network: str  # Network.id
    kernels: tuple[KernelTime, ...]


@dataclass(frozen=True, slots=True)
class TimingSample:
    """One round of end-to-end runs of one network at the target's batch, milliseconds; no profiler."""

    network: str
    round: int
    q25_ms: float
    p50_ms: float
    p95_ms: float
    runs: int


Sample = KernelSample | TimingSample


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one network on one target, at its batch.

    Attributes:
        latency_ms: the one latency statistic: the minimum over rounds of the 25th percentile.
        p50_ms, p95_ms: for the reader: median over rounds of each round's.
        noise: relative spread of the rounds' 25th percentiles about the statistic (median excess), a fraction.
        layers: per-layer kernel times, by layer name in network order; they sum to `latency_ms`.
        repeat_error: how far `latency_ms` moves from one half of the rounds to the other, a fraction.
    """

    network: Network
    latency_ms: float
    p50_ms: float
    p95_ms: float
    noise: float
    layers: tuple[KernelTime, ...]
    repeat_error: float = 0.0


class Target(Protocol):
    """Hardware that networks are searched for."""

    @property
    def info(self) -> TargetInfo:
        """What it is. Cheap."""

    @property
    def scheme(self) -> Scheme:
        """The INT8 scheme that it runs: networks are searched, retrained and lowered in it."""

    def supports(self, layer: Layer) -> Support:
        """Whether it can run the layer, and why not."""

    def lower(self, network: Network, weights: QuantWeights) -> bytes:
        """The file this target runs: an INT8 ONNX graph emitted straight from the network, or a float one where it runs no INT8.

        Raises:
            UnsupportedLayer: the target cannot run one of the layers.
        """

    def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
        """Measures networks (lowered with random weights), yielding each sample as it is taken and skipping those in `done`.

        Kernel samples of all networks come first, then the rounds, each over all networks in a shuffled order.

        Raises:
            TargetUnavailable: the runtime is missing or the device is held by another process for too long.
        """

    def sample_file(self, model: bytes, *, rounds: int) -> Iterator[TimingSample]:
        """Measures one lowered file as exported."""


def check_layers(target: Target, network: Network, *, who: str, fix: str) -> None:
    """Rejects a network with a layer that a target cannot run; `who` and `fix` are the message's.

    Raises:
        UnsupportedLayer: naming the first such layer with the reason.
    """
    for layer in network.layers:
        support = target.supports(layer)
        if not support.ok:
            raise UnsupportedLayer(
                f"{who} cannot run layer {layer.name!r}: {support.reason}.",
                fix=fix,
                facts={"layer": layer.name, "reason": support.reason},
            )


@runtime_checkable
class FileReader(Protocol):
    """An optional ability of a measured target: reporting how its runtime runs a third-party quantised file."""

    def file_kernels(self, model: bytes) -> FileKernels:
        """Which of the file's layers run on integers and which in float.

        Raises:
            UnreadableModel: the runtime cannot load the file.
        """


@runtime_checkable
class Simulator(Protocol):
    """An optional ability of a simulated target: explaining a network's latency."""

    def simulate(
        self,
        network: Network,
        *,
        allow_host: bool = False,
        trace: bool = False,
        what_if: bool = False,
        beside: Sequence[tuple[Network, float | None]] = (),
    ) -> dict[str, Any]:
        """Everything that is known of a network there, as JSON values: `latency_ms`, `groups` with their `cycles`, and more.

        Args:
            network: what to simulate.
            allow_host: whether layers that it does not run are priced as a fall-back to the host, instead of rejected.
            trace: whether `intervals` say what ran when.
            what_if: whether `what_if` has estimates that no published number validates: energy, other arithmetic, training.
            beside: the networks of further tenants, each with None for inference, or the density of its weights in training;
                `tenants` has each one's share. Without any, all tenants run this one.

        Raises:
            UnsupportedLayer: it does not run some layers.
        """
