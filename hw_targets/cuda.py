"""The `cuda` target: this machine's NVIDIA GPU, running networks in FP16 with torch, replayed as CUDA graphs.

Options: `batch` (default 1), `runtime` (`graph`). It has latency tables and estimates, not INT8: no library runs the exported INT8
file here. Not here: what a run is (`torch_network.py`), how it is captured, timed and profiled (`cuda_graph.py`).
Loads torch when it first measures.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from statistics import median
from typing import TYPE_CHECKING, Final

from hw_targets import nvidia
from hw_targets.errors import DeviceUnavailable, TargetUnavailable, UnknownTarget
from hw_targets.lock import measuring
from hw_targets.nvidia import Gpu, throttled, usable
from hw_targets.random_weights import random_weights
from hw_targets.scheme import AFFINE, Scheme
from hw_targets.target import KernelSample, Sample, Support, TargetInfo, TimingSample, check_layers
from hw_targets.timing import SLICE_S, rounds_left
from hw_targets.weights import QuantWeights, dequantised
from search_spaces.network import ACTIVATIONS, OPERATORS, Layer, Network

if TYPE_CHECKING:
    from hw_targets.cuda_graph import CapturedNetwork

MOST_BATCH: Final = 1024
VERSION: Final = 1
"""Of how networks are run and timed; tables of another are not valid."""

WARM_UP_S: Final = 0.5
"""An idle GPU clocks down, and needs a while to be itself."""
PROBES: Final = 12
BUSY: Final = 0.05
"""Repeated runs of one product spread by less than this on a GPU that nothing else uses."""


def batch_of(options: Mapping[str, str]) -> int:
    """The batch in the options of a `cuda` target id.

    Raises:
        UnknownTarget: an option it does not have, or a value out of range.
    """
    batch, runtime = options.get("batch", "1"), options.get("runtime", "graph")
    known = not set(options) - {"batch", "runtime"} and runtime == "graph"
    if not known or not batch.isdecimal() or not 1 <= int(batch) <= MOST_BATCH:
        given = ",".join(f"{k}={v}" if v else k for k, v in options.items())
        raise UnknownTarget(
            f"The cuda target has no options {given!r}.",
            fix=f"Use `cuda` or `cuda:batch=N` with N from 1 to {MOST_BATCH}; the only runtime is `graph`, and "
            "CUDA_VISIBLE_DEVICES selects the GPU.",
            facts={"target": f"cuda:{given}"},
        )
    return int(batch)


def unavailable() -> str:
    """Why this target cannot be used here, or an empty string."""
    try:
        usable()
    except DeviceUnavailable as error:
        return error.detail
    return ""


class CudaTarget:
    """This machine's first visible NVIDIA GPU. Loads and reads nothing before the first call.

    Args:
        batch: images of a run; latencies are of the whole batch.
    """

    def __init__(self, batch: int = 1) -> None:
        self.batch = batch

    @cached_property
    def _gpu(self) -> Gpu:
        try:
            return usable()
        except DeviceUnavailable as error:
            raise TargetUnavailable(error.detail, fix=error.fix, facts=error.facts) from error

    @cached_property
    def info(self) -> TargetInfo:
        """What it is; its fingerprint covers GPU, driver, clock settings, torch with its CUDA, batch and the way of timing.

        Raises:
            TargetUnavailable: there is no NVIDIA GPU that torch can use.
        """
        gpu, torch = self._gpu, f"torch {version('torch')} (CUDA {nvidia.torch_cuda()})"
        facts = [gpu.name, gpu.driver, gpu.clocks, torch, "graph", str(self.batch), str(VERSION)]
        return TargetInfo(
            id="cuda" if self.batch == 1 else f"cuda:batch={self.batch}",
            kind="measured",
            precision="fp16",
            runtime=f"{torch}, CUDA graph",
            device=f"{gpu.name} (driver {gpu.driver}, {gpu.clocks})",
            fingerprint=hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16],
            device_id=gpu.device,
            batch=self.batch,
        )

    @property
    def scheme(self) -> Scheme:
        """That of random weights, which it runs in FP16."""
        return AFFINE

    def supports(self, layer: Layer) -> Support:
        """Whether torch has the layer's operator and activation."""
        if layer.op not in OPERATORS:
            return Support(False, f"operator {layer.op} is not run there")
        if layer.activation is not None and layer.activation not in ACTIVATIONS:
            return Support(False, f"activation {layer.activation} is not run there")
        return Support(True)

    def lower(self, network: Network, weights: QuantWeights) -> bytes:
        """The network as a float32 ONNX file, of which this target runs the structure in FP16; see `Target.lower`."""
        from hw_targets.float_lowering import lower_float

        check_layers(self, network, who="The cuda target", fix="Replace the layer, or leave it out of the space.")
        return lower_float(network, dequantised(network, weights))

    def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
        """Measures networks; see `Target.sample`.

        Raises:
            TargetUnavailable: besides what `Target.sample` names, the GPU is busy or too hot.
        """
        by_id = {n.id: n for n in networks}
        profiled = {s.network for s in done if isinstance(s, KernelSample)}
        unprofiled = [key for key in by_id if key not in profiled]
        left = list(rounds_left(list(by_id), rounds, done))
        if not unprofiled and not left:
            return
        with measuring(self.info.device_id):
            self._check_gpu()
            runs = _Captured(self)
            for key in unprofiled:
                run = runs.of(by_id[key])
                yield KernelSample(key, run.kernels(run.time_slice(SLICE_S).q25_ms))
            number = left[0][0] if left else 0
            for round_, key in left:
                if round_ != number:
                    number = round_
                    self._check_clock()
                taken = runs.of(by_id[key]).time_slice(SLICE_S)
                yield TimingSample(key, round_, taken.q25_ms, taken.p50_ms, taken.p95_ms, taken.runs)

    def sample_file(self, model: bytes, *, rounds: int) -> Iterator[TimingSample]:
        """Measures the network of a file, in FP16 whatever its own format; the samples' network is the file's hash."""
        from search_spaces.onnx_reader import read_onnx

        key = hashlib.sha256(model).hexdigest()[:16]
        network = read_onnx(model)
        check_layers(self, network, who="The cuda target", fix="Replace the layer in the file.")
        with measuring(self.info.device_id):
            self._check_gpu()
            run = _Captured(self).of(network)
            for number in range(rounds):
                taken = run.time_slice(SLICE_S)
                yield TimingSample(key, number, taken.q25_ms, taken.p50_ms, taken.p95_ms, taken.runs)

    def _check_clock(self) -> None:
        """Refuses a GPU that protects itself.

        Raises:
            TargetUnavailable: it does.
        """
        if reason := throttled(self._gpu):
            raise TargetUnavailable(
                f"{self._gpu.device} ({self._gpu.name}) is slower than its settings say: {reason}.",
                fix="Let it cool down, or end other work on it, and run the command again: samples are kept.",
                facts={"device": self._gpu.device, "reason": reason},
            )

    def _check_gpu(self) -> None:
        """Warms the GPU up, and refuses one that is busy or protects itself.

        Raises:
            TargetUnavailable: with the spread of the same work repeated.
        """
        import torch

        from hw_targets.cuda_graph import matrix_product

        device = self._gpu.device
        torch.cuda.set_device(device)
        graph = matrix_product(2048, device)
        times: list[float] = []
        until = time.monotonic() + WARM_UP_S
        while time.monotonic() < until or len(times) < PROBES:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            for _ in range(50):
                graph.replay()
            end.record()
            torch.cuda.synchronize()
            times.append(begin.elapsed_time(end))
        last = times[-PROBES:]
        spread = median(last) / min(last) - 1
        self._check_clock()
        if spread > BUSY:
            raise TargetUnavailable(
                f"{device} ({self._gpu.name}) is busy: the same work repeats to {spread:.0%} only (up to {BUSY:.0%} does not matter).",
                fix="End other programs on the GPU (nvidia-smi lists them), and run the command again.",
                facts={"device": device, "spread": round(spread, 4)},
            )


class _Captured:
    """The networks of one measurement as CUDA graphs, each captured when it is first needed."""

    def __init__(self, target: CudaTarget) -> None:
        import torch

        self._target, self._pool = target, torch.cuda.graph_pool_handle()
        self._runs: dict[str, CapturedNetwork] = {}

    def of(self, network: Network) -> "CapturedNetwork":
        import torch

        from hw_targets.cuda_graph import CapturedNetwork
        from hw_targets.torch_network import TorchNetwork

        if network.id not in self._runs:
            weights = dequantised(network, random_weights(network))
            device = self._target.info.device_id
            runner = TorchNetwork(network, weights, device=device, dtype=torch.float16)
            self._runs[network.id] = CapturedNetwork(runner, self._target.batch, self._pool)
        return self._runs[network.id]
