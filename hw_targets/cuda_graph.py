"""Captures a network as a CUDA graph, times its replays by device events, and reads which kernels each layer launches.

A replay is timed on the device, while the host is ahead: replays wait in the stream behind a pause, so that no gap is the
host's. Times are those of one network after another, without copying images to the GPU. Needs a GPU, except for reading a profile.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch

from hw_targets.errors import TargetUnavailable
from hw_targets.target import KernelTime
from hw_targets.timing import Slice, quantile
from hw_targets.torch_network import TorchNetwork
from search_spaces.network import Network

LAUNCH: Final = "launch"
"""The one kernel type: latency has a term a launch, which dominates small networks."""

MARK: Final = "spin_kernel"
"""Part of the name of the kernel that torch pauses with; one stands between every two layers of the marked graph."""

WARM_UPS: Final = 3
LEAST_RUNS, MOST_RUNS = 10, 400
PROFILED_RUNS: Final = 24
HOST_NS: Final = 20_000
"""A generous time for the host to launch a replay."""
CYCLES_PER_NS: Final = 2


@dataclass(frozen=True, slots=True)
class KernelEvent:
    """One kernel (or memory operation) on the device, nanoseconds."""

    name: str
    start_ns: int
    end_ns: int


class CapturedNetwork:
    """A network as a CUDA graph that replays on fixed tensors.

    Args:
        runner: the network with its weights on a GPU.
        batch: images of a run.
        pool: of memory, shared with other captured networks, of which one runs at a time.
    """

    def __init__(self, runner: TorchNetwork, batch: int, pool: Any) -> None:
        self._runner, self._pool = runner, pool
        self._images = runner.noise(batch)
        self._estimate_ms = 0.0
        self._graph = self._captured(marked=False)

    def _captured(self, *, marked: bool) -> torch.cuda.CUDAGraph:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):  # libraries are set up, kernels loaded
                self._runner(self._images)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            if marked:
                torch.cuda._sleep(1)
            for _ in self._runner.layer_by_layer(self._images):
                if marked:
                    torch.cuda._sleep(1)
        return graph

    def time_slice(self, slice_s: float) -> Slice:
        """Replays for about a fixed time; quantiles of the time from the end of one to the end of the next."""
        if not self._estimate_ms:
            self._estimate_ms = float(np.median(self._replays(LEAST_RUNS)))
        wanted = int(slice_s * 1e3 / self._estimate_ms)
        taken = sorted(self._replays(min(max(wanted, LEAST_RUNS), MOST_RUNS)))
        q25, p50, p95 = (quantile(taken, q) for q in (0.25, 0.5, 0.95))
        return Slice(q25, p50, p95, len(taken))

    def _replays(self, count: int) -> list[float]:
        """Milliseconds of each of so many replays, after a few to warm up."""
        ends = [torch.cuda.Event(enable_timing=True) for _ in range(WARM_UPS + count)]
        torch.cuda._sleep(len(ends) * HOST_NS * CYCLES_PER_NS)
        for end in ends:
            self._graph.replay()
            end.record()
        torch.cuda.synchronize()
        kept = ends[WARM_UPS - 1 :]
        return [before.elapsed_time(end) for before, end in pairwise(kept)]

    def kernels(self, latency_ms: float) -> tuple[KernelTime, ...]:
        """The kernels of each layer, in the order of the network, with their times in the graph.

        Raises:
            TargetUnavailable: the profiler does not report the graph's kernels.
        """
        marked = self._captured(marked=True)
        marked.replay()
        torch.cuda.synchronize()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*Profiler clears events")  # of cycles, of which there is one
            with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
                marked.replay()
                torch.cuda.synchronize()
                for _ in range(PROFILED_RUNS):
                    self._graph.replay()
                torch.cuda.synchronize()
        return kernels_by_layer(self._runner.network, _device_events(profiler), latency_ms)


def _device_events(profiler: Any) -> list[KernelEvent]:
    """What ran on the device, in the order of the stream."""
    found = [
        KernelEvent(event.name(), event.start_ns(), event.start_ns() + event.duration_ns())
        for event in profiler.profiler.kineto_results.events()
        if event.device_type().name == "CUDA"
    ]
    return sorted(found, key=lambda event: event.start_ns)


def kernels_by_layer(network: Network, events: Sequence[KernelEvent], latency_ms: float) -> tuple[KernelTime, ...]:
    """The launches of each layer from one marked run that is followed by plain runs.

    Between two marks are the kernels of one layer. In the plain runs a kernel takes from its start to the start of the next one,
    the gap included; the slower half of the runs is left out, and what the profiler costs is taken off every kernel equally,
    so that they take `latency_ms` together.

    Raises:
        TargetUnavailable: the runs do not have the kernels that the marks counted.
    """
    marks = [place for place, event in enumerate(events) if MARK in event.name]
    counts = [after - before - 1 for before, after in pairwise(marks)]
    total = sum(counts)
    plain = events[marks[-1] + 1 :] if marks else []
    if len(counts) != len(network.layers) or not total or not plain or len(plain) % total:
        raise TargetUnavailable(
            f"The profiler reports {len(plain)} kernels in runs of {total}, in {len(counts)} of {len(network.layers)} layers.",
            fix="Use a torch whose profiler reports the kernels of CUDA graphs (CUPTI must be allowed to trace).",
        )
    starts = np.array([event.start_ns for event in plain], np.int64).reshape(-1, total)
    ends = np.array([event.end_ns for event in plain], np.int64).reshape(-1, total)[:, -1:]
    run_ns = (ends - starts[:, :1])[:, 0]
    calm = run_ns <= np.median(run_ns)
    times = np.diff(np.hstack([starts, ends])[calm], axis=1).mean(axis=0) / 1e6
    times = times - (times.sum() - latency_ms) / total
    bounds = np.cumsum([0, *counts])
    return tuple(
        KernelTime(layer.name, ((LAUNCH, count),), max(float(times[begin:end].sum()), 0.0))
        for layer, count, begin, end in zip(network.layers, counts, bounds, bounds[1:], strict=False)
        if count
    )


def matrix_product(size: int, device: str) -> torch.cuda.CUDAGraph:
    """A graph of one FP16 product of square matrices, to warm the GPU up and to see whether it is busy."""
    left = torch.rand(size, size, dtype=torch.float16, device=device)
    left @ left  # the library is set up
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        left @ left
    return graph
