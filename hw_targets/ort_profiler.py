"""Reads ONNX Runtime's profiler: which kernels ran, how long each took, and to which layer it belongs.

A kernel belongs to the layer that its node is named for (`<layer>:<part>`). Nodes the runtime adds without such a name
(changes of memory layout) belong to the layer that computes their input, or else to the one that reads their output.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hw_targets.errors import TargetUnavailable
from hw_targets.onnx_file import SEPARATOR
from hw_targets.target import KernelTime

if TYPE_CHECKING:
    import onnx

_EVENT: Final = re.compile(r'^\{"cat" : "(\w+)".*?"dur" :(\d+),"ts" :(\d+),.*?"name" :"([^"]*)"(.*)', re.MULTILINE)
_OPERATOR: Final = re.compile(r'"op_name" : "([^"]*)"')
_KERNEL: Final = "_kernel_time"
_RUN_ENDS: Final = "SequentialExecutor::Execute"


@dataclass(frozen=True)
class KernelRuns:
    """Kernels of one network in the order in which they run, and when each began in every run.

    Attributes:
        names: of the nodes.
        operators: the runtime's names of their kernel types.
        starts_us: (runs, kernels + 1) microseconds, whole numbers; the last column is the end of the run.
        durations_us: (runs, kernels) microseconds, rounded down.
    """

    names: tuple[str, ...]
    operators: tuple[str, ...]
    starts_us: NDArray[np.int64]
    durations_us: NDArray[np.int64]


def read_profile(text: str, *, skip: int = 0) -> KernelRuns:
    """The kernels in a profile that ONNX Runtime wrote, without the first `skip` runs.

    Raises:
        TargetUnavailable: it holds no such runs.
    """
    runs: list[list[tuple[int, int]]] = []
    names: list[str] = []
    operators: list[str] = []
    current: list[tuple[int, int]] = []
    first = True
    for category, duration, start, name, rest in _EVENT.findall(text):
        if category == "Node" and name.endswith(_KERNEL):
            current.append((int(start), int(duration)))
            if first:
                names.append(name.removesuffix(_KERNEL))
                found = _OPERATOR.search(rest)
                operators.append(found[1] if found else "")
        elif name == _RUN_ENDS:
            current.append((int(start) + int(duration), 0))
            runs.append(current)
            current, first = [], False
    kept = [run for run in runs[skip:] if len(run) == len(names) + 1]
    if not names or not kept:
        raise TargetUnavailable(
            "ONNX Runtime's profile of a network holds no kernels that can be read.",
            fix="Use a version of onnxruntime that this package was tested with (see constraints.txt).",
        )
    table = np.array(kept, np.int64)
    return KernelRuns(tuple(names), tuple(operators), table[:, :, 0], table[:, :-1, 1])


def kernel_ms(runs: KernelRuns, latency_ms: float) -> NDArray[np.float64]:
    """Each kernel's time, (kernels,) milliseconds, from its start to the next one's; together they take `latency_ms`.

    The profiler cuts durations to whole microseconds, more than a small kernel takes; starts are cut, too, but in every
    run at another place, so that the mean of their differences is exact. The slower half of the runs is left out. What
    the profiler costs (some 5 us a kernel) is what its runs take more than those without it (`latency_ms`), and is taken
    off every kernel equally, so that a very small one can come out below 0.
    """
    total = runs.starts_us[:, -1] - runs.starts_us[:, 0]
    calm = total <= np.median(total)
    times = np.diff(runs.starts_us[calm], axis=1).mean(axis=0) / 1e3
    return np.asarray(times - (times.sum() - latency_ms) / len(times), np.float64)


def owners(optimised: "onnx.ModelProto") -> dict[str, str]:
    """The layer of each node of the graph that the runtime runs, by node name."""
    makers = {output: node for node in optimised.graph.node for output in node.output}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in optimised.graph.node:
        for tensor in node.input:
            users.setdefault(tensor, []).append(node)

    def upwards(node: "onnx.NodeProto") -> str:
        above = makers.get(node.input[0]) if node.input else None
        return "" if above is None else _layer(above.name) or upwards(above)

    def downwards(node: "onnx.NodeProto") -> str:
        below = [user for output in node.output for user in users.get(output, ())]
        return next((found for user in below if (found := _layer(user.name) or downwards(user))), "")

    return {n.name: _layer(n.name) or upwards(n) or downwards(n) for n in optimised.graph.node}


def _layer(node: str) -> str:
    return node.rpartition(SEPARATOR)[0]


def kernels_by_layer(
    runs: KernelRuns, owner: Mapping[str, str], order: Sequence[str], times_ms: NDArray[np.float64]
) -> tuple[KernelTime, ...]:
    """Assigns every kernel to a layer, in the order of the network's layers; one of an unknown node to the layer before it.

    A layer's time is never below 0.
    """
    counts: dict[str, Counter[str]] = {}
    total: dict[str, float] = {}
    last = order[0]
    for name, operator, time_ms in zip(runs.names, runs.operators, times_ms, strict=True):
        last = owner.get(name) or _layer(name) or last
        counts.setdefault(last, Counter())[operator] += 1
        total[last] = total.get(last, 0.0) + float(time_ms)
    return tuple(KernelTime(n, tuple(sorted(counts[n].items())), max(total[n], 0.0)) for n in order if n in counts)
