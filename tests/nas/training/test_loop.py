"""The training loop: AdamW against torch's, and a killed training that goes on bit by bit."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nas.errors import Cancelled, StoreCorrupt
from nas.training.config import TrainConfig
from nas.training.loop import NO_CALLBACKS, TrainCallbacks, train
from tests.nas.training.supernets import RECIPE, STEPS, supernet


class Squares:
    """The sum of squares of two leaves, of which only the matrix decays."""

    def __init__(self) -> None:
        self.weights = {"matrix": torch.tensor([[1.0, -2.0]]), "vector": torch.tensor([3.0])}

    @property
    def parameters(self) -> Mapping[str, Tensor]:
        return self.weights

    def backward(self, step: int) -> dict[str, float]:
        for leaf in self.weights.values():
            leaf.grad = 2 * leaf.detach()
        return {}


@pytest.mark.parametrize("clip", [1e9, 6.0])
def test_the_optimiser_is_adamw_on_gradients_clipped_together(clip: float) -> None:
    ours, config = Squares(), TrainConfig(learning_rate=0.5, weight_decay=0.5, clip=clip)
    train(ours, config, 5)
    matrix, vector = torch.tensor([[1.0, -2.0]], requires_grad=True), torch.tensor([3.0], requires_grad=True)
    groups = [{"params": [matrix], "weight_decay": 0.5}, {"params": [vector], "weight_decay": 0.0}]
    theirs = torch.optim.AdamW(groups, betas=(0.9, 0.99))
    for step in range(5):
        matrix.grad, vector.grad = 2 * matrix.detach(), 2 * vector.detach()
        torch.nn.utils.clip_grad_norm_([matrix, vector], clip)
        for group in theirs.param_groups:
            group["lr"] = config.learning_rate_at(step, 5)
        theirs.step()
    assert torch.allclose(ours.weights["matrix"], matrix, atol=1e-6)
    assert torch.allclose(ours.weights["vector"], vector, atol=1e-6)


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_cancelled_training_continues_bit_by_bit(stop: int) -> None:
    whole, strategy = supernet()
    train(strategy, RECIPE, STEPS)

    kept: list[bytes] = []
    done: list[int] = []
    broken, strategy = supernet()
    calls: list[tuple[str, int, int]] = []
    callbacks = replace(
        NO_CALLBACKS,
        save=kept.append,
        on_step=lambda n, _: done.append(n),
        cancelled=lambda: len(done) == stop,
        on_saved=lambda *n: calls.append(("saved", *n)),
    )
    with pytest.raises(Cancelled):
        train(strategy, RECIPE, STEPS, callbacks)
    assert done == list(range(1, stop + 1)) and len(kept) == 1

    resumed, strategy = supernet()
    again = replace(NO_CALLBACKS, load=lambda: kept[0], on_restored=lambda *n: calls.append(("restored", *n)))
    train(strategy, RECIPE, STEPS, again)
    assert calls == [("saved", stop, STEPS), ("restored", stop, STEPS)]
    assert all(torch.equal(resumed.tensors[name], whole.tensors[name]) for name in whole.tensors)
    assert not torch.equal(broken.tensors["stem.weight"], whole.tensors["stem.weight"])


def test_a_training_killed_after_a_checkpoint_repeats_the_steps_since() -> None:
    whole, strategy = supernet()
    train(strategy, RECIPE, STEPS)

    kept: list[bytes] = []

    def die(done: int, steps: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    _, strategy = supernet()
    with pytest.raises(KeyboardInterrupt):
        train(strategy, RECIPE, STEPS, replace(NO_CALLBACKS, save=kept.append, on_step=die, save_every_s=-1.0))
    resumed, strategy = supernet()
    train(strategy, RECIPE, STEPS, replace(NO_CALLBACKS, load=lambda: kept[2]))
    assert all(torch.equal(resumed.tensors[name], whole.tensors[name]) for name in whole.tensors)


def test_a_checkpoint_of_another_training_is_rejected() -> None:
    kept: list[bytes] = []
    _, strategy = supernet()
    with pytest.raises(Cancelled):
        train(strategy, RECIPE, STEPS, replace(NO_CALLBACKS, save=kept.append, cancelled=lambda: True))
    with pytest.raises(StoreCorrupt, match="another training"):
        train(Squares(), RECIPE, STEPS, replace(NO_CALLBACKS, load=lambda: kept[0]))


def test_the_watch_learns_what_happens() -> None:
    metrics: list[str] = []
    steps: list[tuple[int, int]] = []
    callbacks = TrainCallbacks(
        lambda: None, lambda _: None, lambda *n: steps.append(n), lambda name, *_: metrics.append(name), lambda: False
    )
    _, strategy = supernet()
    train(strategy, RECIPE, 3, callbacks)
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert {"loss_largest", "loss_smallest", "loss_random", "learning_rate", "images_per_second"} <= set(metrics)
