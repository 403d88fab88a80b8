"""The one training loop: steps of a strategy under a train config, with checkpoints from which a killed run resumes bit for bit.

A step is a pure function of the parameters, the optimiser's state and its number: no other state, no global random
numbers. Not here: what a step trains (`sandwich.py`, `single_network.py`), where checkpoints are kept (the caller decides).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

from hw_targets.lock import computing
from nas.errors import Cancelled, StoreCorrupt
from nas.memory import keep_freed_memory
from nas.tensors import Tensors, pack, unpack
from nas.training.config import TrainConfig
from nas.training.group import ALONE, Group

BETAS: Final = (0.9, 0.99)
EPSILON: Final = 1e-8


class TrainingStrategy(Protocol):
    """What a step trains, and with which loss."""

    @property
    def parameters(self) -> Mapping[str, Tensor]:
        """The leaves to train, by name; those with more than one dimension decay."""

    def backward(self, step: int) -> dict[str, float]:
        """Adds the gradients of a step's losses to the parameters' `grad`; returns what to plot, by name.

        In a group of ranks both are this rank's part: their sums over the ranks are those of the whole batch.
        """


def _ignore(_done: int, _steps: int) -> None:
    """A callback that does nothing."""


@dataclass(frozen=True, slots=True)
class TrainCallbacks:
    """The callbacks of a training, and the place of its checkpoints.

    Attributes:
        load: the newest checkpoint, if there is one.
        save: replaces the checkpoint.
        on_step: receives (steps done, steps).
        on_metric: receives (name, step, value).
        cancelled: polled before each step.
        save_every_s: between checkpoints.
        on_saved, on_restored: receive (steps done, steps) when a checkpoint is stored, and when the training resumes from one.
        devices: which a step computes on, by the names of their locks.
    """

    load: Callable[[], bytes | None]
    save: Callable[[bytes], None]
    on_step: Callable[[int, int], None]
    on_metric: Callable[[str, int, float], None]
    cancelled: Callable[[], bool]
    save_every_s: float = 15.0
    on_saved: Callable[[int, int], None] = _ignore
    on_restored: Callable[[int, int], None] = _ignore
    devices: Sequence[str] = ("cpu",)


NO_CALLBACKS: Final = TrainCallbacks(
    lambda: None, lambda _: None, lambda _d, _t: None, lambda _n, _s, _v: None, lambda: False
)
"""For tests and benchmarks: nothing is kept or reported."""


def train(
    strategy: TrainingStrategy,
    config: TrainConfig,
    steps: int,
    callbacks: TrainCallbacks = NO_CALLBACKS,
    group: Group = ALONE,
) -> None:
    """Trains the strategy's parameters in place for `steps` steps, from the newest checkpoint if there is one.

    It pauses between two steps while a process measures a device that it computes on. In a group every rank calls it, with equal
    parameters: checkpoints are the first rank's, and a stop that any rank's caller requests ends all of them before the same step.

    Raises:
        Cancelled: after saving a checkpoint.
        StoreCorrupt: the checkpoint is invalid, or of other parameters.
        PeerLost: another rank of the group ended.
    """
    keep_freed_memory()
    optimiser = _AdamW(strategy.parameters, config)
    start = 0
    blob = group.broadcast(callbacks.load() if group.rank == 0 else None)
    devices = group.to_lock(callbacks.devices)
    if blob is not None:
        start = optimiser.load(blob)
        callbacks.on_restored(start, steps)
    saved = time.monotonic()
    began, before = time.monotonic(), start
    for step in range(start, steps):
        with ExitStack() as held:
            for device in devices:
                held.enter_context(computing(device, cancelled=callbacks.cancelled))
            try:
                if group.any(callbacks.cancelled()):
                    raise Cancelled(
                        "Training was cancelled; its checkpoint is kept.",
                        fix="Run the same command again to continue it.",
                    )
                if group.rank == 0 and time.monotonic() - saved > callbacks.save_every_s:
                    _save(callbacks, optimiser, step, steps)
                    saved = time.monotonic()
                metrics = group.sum_metrics(strategy.backward(step))
            except Cancelled:  # a step changes no parameter before its end
                if group.rank == 0:
                    _save(callbacks, optimiser, step, steps)
                raise
            group.sum_gradients(strategy.parameters[name] for name in sorted(strategy.parameters))
            optimiser.step(config.learning_rate_at(step, steps))
        callbacks.on_step(step + 1, steps)
        if step % 10 == 0 or step == steps - 1:
            speed = config.batch_size * (step + 1 - before) / max(1e-9, time.monotonic() - began)
            curves = {**metrics, "learning_rate": config.learning_rate_at(step, steps), "images_per_second": speed}
            for name, value in curves.items():
                callbacks.on_metric(name, step, value)


def _save(callbacks: TrainCallbacks, optimiser: "_AdamW", step: int, steps: int) -> None:
    callbacks.save(optimiser.dump(step))
    callbacks.on_saved(step, steps)


class _AdamW:
    """AdamW over named leaves, with a state that is written in a fixed order."""

    def __init__(self, parameters: Mapping[str, Tensor], config: TrainConfig) -> None:
        self._config = config
        self._names = sorted(parameters)
        self._leaves = [parameters[name].requires_grad_() for name in self._names]
        self._first = [torch.zeros_like(leaf) for leaf in self._leaves]
        self._second = [torch.zeros_like(leaf) for leaf in self._leaves]
        self._count = 0

    @torch.no_grad()
    def step(self, learning_rate_at: float) -> None:
        """One update with the gathered gradients, which are then cleared. Leaves without a gradient count as zero."""
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._leaves]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        torch._foreach_mul_(gradients, torch.clamp(self._config.clip / (norm + 1e-6), max=1.0))
        self._count += 1
        decaying = [p for p in self._leaves if p.dim() > 1]
        torch._foreach_mul_(decaying, 1 - learning_rate_at * self._config.weight_decay)
        torch._foreach_lerp_(self._first, gradients, 1 - BETAS[0])
        torch._foreach_mul_(self._second, BETAS[1])
        torch._foreach_addcmul_(self._second, gradients, gradients, 1 - BETAS[1])
        scale = torch._foreach_sqrt(self._second)
        torch._foreach_div_(scale, (1 - BETAS[1] ** self._count) ** 0.5)
        torch._foreach_add_(scale, EPSILON)
        torch._foreach_addcdiv_(self._leaves, self._first, scale, -learning_rate_at / (1 - BETAS[0] ** self._count))
        for leaf in self._leaves:
            leaf.grad = None

    def dump(self, step: int) -> bytes:
        """The whole state before a step, as one blob."""
        tensors: Tensors = {}
        for name, leaf, first, second in zip(self._names, self._leaves, self._first, self._second, strict=True):
            tensors[f"p/{name}"], tensors[f"m/{name}"], tensors[f"v/{name}"] = leaf, first, second
        return pack(tensors, {"step": step, "count": self._count})

    @torch.no_grad()
    def load(self, blob: bytes) -> int:
        """Restores a state; returns the step that comes next."""
        tensors, note = unpack(blob)
        known = {
            f"{kind}/{name}": leaf.shape for name, leaf in zip(self._names, self._leaves, strict=True) for kind in "pmv"
        }
        if known != {name: tensor.shape for name, tensor in tensors.items()}:
            raise StoreCorrupt("The checkpoint is of another training.", fix="Remove it to begin again.")
        for name, leaf, first, second in zip(self._names, self._leaves, self._first, self._second, strict=True):
            leaf.copy_(tensors[f"p/{name}"])
            first.copy_(tensors[f"m/{name}"])
            second.copy_(tensors[f"v/{name}"])
        self._count = int(str(note["count"]))
        return int(str(note["step"]))
