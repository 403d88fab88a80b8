"""The `cpu` target: this machine's processor, running INT8 networks on ONNX Runtime.

Options: `threads` (default 1). Networks are measured whole, as lowered for export: kernels under the runtime's profiler,
latencies without it, in interleaved rounds. Not here: the lowering, the statistics (`timing.py`).
"""

import hashlib
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from hw_targets.errors import TargetUnavailable, UnknownTarget
from hw_targets.lock import measuring
from hw_targets.quantized_file import FileKernels, read_kernels
from hw_targets.scheme import AFFINE, Scheme
from hw_targets.target import KernelSample, Sample, Support, TargetInfo, TimingSample, check_layers
from hw_targets.timing import SLICE_S, Slice, pinned, rounds_left, time_slice
from hw_targets.weights import QuantWeights
from search_spaces.errors import HwnasError, UnreadableModel
from search_spaces.network import ACTIVATIONS, OPERATORS, Layer, Network

DEVICE_ID: Final = "cpu"
"""The device locked while measuring, whatever the number of threads."""

PROFILED_S: Final = 0.15
"""About how long one network runs under the profiler, without the profiler's own cost."""

PROFILED_RUNS: Final = (20, 200)
SKIPPED_RUNS: Final = 10
BESIDE_S: Final = 0.01
"""How long it is timed without the profiler just before, to measure the profiler's cost."""

_FLAGS: Final = (
    "avx2", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_tile",
    "asimd", "asimddp", "i8mm", "sve", "sve2",
)  # fmt: skip
"""Instruction sets that decide which kernels the runtime selects."""


def threads_of(options: Mapping[str, str]) -> int:
    """The number of threads in the options of a `cpu` target id.

    Raises:
        UnknownTarget: an option it does not have, or a number out of range.
    """
    threads = options.get("threads", "1")
    if set(options) - {"threads"} or not threads.isdecimal() or not 1 <= int(threads) <= 256:
        given = ",".join(f"{k}={v}" for k, v in options.items())
        raise UnknownTarget(
            f"The cpu target has no options {given!r}.",
            fix="Use `cpu` or `cpu:threads=N` with N from 1 to 256.",
            facts={"target": f"cpu:{given}"},
        )
    return int(threads)


def unavailable() -> str:
    """Why this target cannot be used here, or an empty string."""
    try:
        _runtime()
    except TargetUnavailable as error:
        return error.detail
    return ""


def _runtime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise TargetUnavailable(
            f"The cpu target needs ONNX Runtime, which cannot be imported ({error}).",
            fix="Install it with `pip install onnxruntime`.",
            facts={"target": "cpu"},
        ) from error
    return onnxruntime  # type: ignore[no-any-return]


class CpuTarget:
    """This machine's processor. Loads and reads nothing before the first call.

    Args:
        threads: that one network runs on.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    @cached_property
    def info(self) -> TargetInfo:
        """What it is; its fingerprint covers processor, instruction sets, runtime, threads and the lowering's version.

        Raises:
            TargetUnavailable: ONNX Runtime is not installed.
        """
        from hw_targets.lowering import LOWERING_VERSION

        version = _runtime().__version__
        device, flags = _processor()
        facts = [device, *flags, version, str(self.threads), str(LOWERING_VERSION)]
        return TargetInfo(
            id="cpu" if self.threads == 1 else f"cpu:threads={self.threads}",
            kind="measured",
            precision="int8",
            runtime=f"onnxruntime {version}",
            device=device,
            fingerprint=hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16],
            device_id=DEVICE_ID,
        )

    @property
    def scheme(self) -> Scheme:
        """Affine: uint8 activations, weights with a scale for each channel."""
        return AFFINE

    def supports(self, layer: Layer) -> Support:
        """Whether the lowering has an INT8 form for the layer."""
        if layer.op not in OPERATORS:
            return Support(False, f"operator {layer.op} has no INT8 form")
        if layer.activation is not None and layer.activation not in ACTIVATIONS:
            return Support(False, f"activation {layer.activation} has no INT8 form")
        return Support(True)

    def lower(self, network: Network, weights: QuantWeights) -> bytes:
        """The INT8 file; see `Target.lower`."""
        from hw_targets.lowering import lower_int8

        check_layers(self, network, who="The cpu target", fix="Replace the layer, or leave it out of the space.")
        return lower_int8(network, weights)

    def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
        """Measures networks; see `Target.sample`."""
        from hw_targets.random_weights import random_weights

        _runtime()
        by_id = {n.id: n for n in networks}
        profiled = {s.network for s in done if isinstance(s, KernelSample)}
        with measuring(DEVICE_ID):
            runs: dict[str, Callable[[], object]] = {}
            for key, network in by_id.items():
                if key not in profiled:
                    model = self.lower(network, random_weights(network))
                    runs[key] = self._runner(model)
                    yield self._kernels(network, model, self._slice(runs[key], BESIDE_S).q25_ms)
            for number, key in rounds_left(list(by_id), rounds, done):
                if key not in runs:
                    runs[key] = self._runner(self.lower(by_id[key], random_weights(by_id[key])))
                yield self._time(runs[key], key, number)

    def sample_file(self, model: bytes, *, rounds: int) -> Iterator[TimingSample]:
        """Measures one file; the samples' network is the file's hash. See `Target.sample_file`."""
        key = hashlib.sha256(model).hexdigest()[:16]
        _runtime()
        with measuring(DEVICE_ID):
            with _as_unreadable_model():
                run = self._runner(model)
                run()
            for number in range(rounds):
                yield self._time(run, key, number)

    def file_kernels(self, model: bytes) -> FileKernels:
        """How the runtime runs a quantised file; see `FileReader.file_kernels`."""
        import onnx

        _runtime()
        with tempfile.TemporaryDirectory(prefix="hwnas-") as folder, _as_unreadable_model():
            path = Path(folder) / "optimised.onnx"
            self._session(model, optimized_model_filepath=str(path))
            return read_kernels(onnx.load_from_string(model), onnx.load(path))

    def _time(self, run: Callable[[], object], key: str, number: int) -> TimingSample:
        taken = self._slice(run, SLICE_S)
        return TimingSample(key, number, taken.q25_ms, taken.p50_ms, taken.p95_ms, taken.runs)

    def _slice(self, run: Callable[[], object], slice_s: float) -> Slice:
        with pinned() if self.threads == 1 else nullcontext():
            return time_slice(run, slice_s=slice_s)

    def _runner(self, model: bytes) -> Callable[[], object]:
        """Runs one image through the file, with input and output bound beforehand."""
        return _bound(self._session(model))

    def _session(self, model: bytes, **options: Any) -> Any:
        runtime = _runtime()
        settings = runtime.SessionOptions()
        settings.intra_op_num_threads = self.threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        for name, value in options.items():
            setattr(settings, name, value)
        return runtime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])

    def _kernels(self, network: Network, model: bytes, latency_ms: float) -> KernelSample:
        import onnx

        from hw_targets.ort_profiler import kernel_ms, kernels_by_layer, owners, read_profile

        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hwnas-")))
            session = self._session(
                model,
                enable_profiling=True,
                profile_file_prefix=str(folder / "profile"),
                optimized_model_filepath=str(folder / "optimised.onnx"),
            )
            run = _bound(session)
            stack.enter_context(pinned() if self.threads == 1 else nullcontext())
            for _ in range(_runs(latency_ms)):
                run()
            runs = read_profile(Path(session.end_profiling()).read_text(), skip=SKIPPED_RUNS)
            owner = owners(onnx.load(folder / "optimised.onnx"))
        order = [layer.name for layer in network.layers]
        return KernelSample(network.id, kernels_by_layer(runs, owner, order, kernel_ms(runs, latency_ms)))


def _runs(latency_ms: float) -> int:
    """How often a network runs under the profiler."""
    least, most = PROFILED_RUNS
    return SKIPPED_RUNS + min(most, max(least, int(PROFILED_S * 1e3 / latency_ms)))


@contextmanager
def _as_unreadable_model() -> Iterator[None]:
    """Turns the runtime's errors over an untrusted file into one typed error.

    Raises:
        UnreadableModel: the runtime cannot load the file or run it.
    """
    try:
        yield
    except HwnasError:
        raise
    except Exception as error:  # the runtime's errors have no base of their own
        message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnreadableModel(
            f"ONNX Runtime {_runtime().__version__} cannot run the file: {message[:300]}.",
            fix="Export it with operators and an opset that this version has.",
        ) from error


_TYPES: Final = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8, "tensor(int32)": np.int32, "tensor(int64)": np.int64,
}  # fmt: skip


def _bound(session: Any) -> Callable[[], object]:
    """One run with noise for an image; an open first size is a batch of 1."""
    (image,) = session.get_inputs()
    shape = [1 if place == 0 and not isinstance(size, int) else size for place, size in enumerate(image.shape)]
    pixels = np.random.default_rng(0).integers(0, 128, shape).astype(_TYPES[image.type])
    binding = session.io_binding()
    binding.bind_cpu_input(image.name, pixels)
    for output in session.get_outputs():
        binding.bind_output(output.name)
    run = session.run_with_iobinding
    return lambda: run(binding)


def _processor() -> tuple[str, list[str]]:
    """Its name and the relevant instruction sets; on systems without /proc, what Python knows."""
    fields: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    except OSError:
        pass
    has = (fields.get("flags") or fields.get("Features") or "").split()
    family = " ".join(
        f"{word} {fields[key]}" for word, key in (("family", "cpu family"), ("model", "model")) if key in fields
    )
    title = fields.get("model name") or platform.processor() or platform.machine()
    device = f"{title} ({platform.machine()}{', ' + family if family else ''}, {os.cpu_count()} cores)"
    return device, [flag for flag in _FLAGS if flag in has]
