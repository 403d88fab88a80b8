"""A computation on a GPU that is repeated many times: captured once as a CUDA graph, then replayed.

Launching the kernels of a small network one by one takes the host several times as long as the GPU computes. Not for networks that
are another one in each step. On a processor the computation runs as it is.
"""

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor

Computation = Callable[..., tuple[Tensor, ...]]
"""From tensors to tensors of fixed shapes, without a look at their values; other tensors that it reads stay where they are."""

WARM_UPS: Final = 3
"""Calls before the capture: libraries are set up, and a training that ends soon is not captured."""


class Replay:
    """The computation, as it is at first and replayed later. Its outputs are overwritten by the next call.

    Args:
        compute: what to run.
        enabled: whether it may be captured.
    """

    def __init__(self, compute: Computation, *, enabled: bool = True) -> None:
        self._compute, self._enabled = compute, enabled
        self._calls = 0
        self._graph: Any = None
        self._inputs: tuple[Tensor, ...] = ()
        self._outputs: tuple[Tensor, ...] = ()

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The outputs for these inputs, which have the shapes of the first call's."""
        if not self._enabled or inputs[0].device.type != "cuda":
            return self._compute(*inputs)
        self._calls += 1
        if self._calls <= WARM_UPS:
            return self._aside(inputs)
        if self._graph is None:
            self._capture(inputs)
        for held, given in zip(self._inputs, inputs, strict=True):
            held.copy_(given)
        self._graph.replay()
        return self._outputs

    def _aside(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """On a stream of its own, as capturing wants it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            outputs = self._compute(*inputs)
        torch.cuda.current_stream().wait_stream(stream)
        return outputs

    def _capture(self, inputs: tuple[Tensor, ...]) -> None:
        self._inputs = tuple(given.clone() for given in inputs)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._outputs = self._compute(*self._inputs)
        self._graph = graph
