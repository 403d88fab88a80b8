"""The training loop: AdamW against torch's, the schedule, and a killed training that goes on bit by bit."""

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nas.errors import Cancelled, StoreCorrupt
from nas.interpreter import BNFolded, Training, folded, recalibrate
from nas.quantise import FakeQuant, quantise, run_quantised
from nas.ranges import observe
from nas.supernet_weights import SupernetWeights
from nas.training.config import TrainConfig
from nas.training.loop import NO_CALLBACKS, TrainCallbacks, TrainingStrategy, train
from nas.training.sandwich import Sandwich
from nas.training.single_network import SingleNetwork
from tests.nas.networks import inverted

torch.set_num_threads(1)

LARGE, SMALL = inverted(width=6, kernel=5), inverted(width=4, kernel=3)
RECIPE = TrainConfig(batch_size=16, learning_rate=0.01)
STEPS = 6


def batch(step: int, image_size: int) -> tuple[Tensor, Tensor]:
    """Images whose label is the brighter half: easy to learn."""
    generator = torch.Generator().manual_seed(step)
    labels = torch.randint(0, 2, (16,), generator=generator)
    images = torch.rand((16, 1, image_size, image_size), generator=generator) * 0.5
    images[labels == 1, :, : image_size // 2] += 0.5
    return images, labels


def supernet() -> tuple[SupernetWeights, Sandwich]:
    supernet_weights = SupernetWeights.of((*LARGE.layers, *SMALL.layers), seed=0)

    def sample(rng: random.Random) -> object:
        return inverted(width=rng.choice((4, 5, 6)), kernel=rng.choice((3, 5)))

    return supernet_weights, Sandwich(supernet_weights, LARGE, SMALL, sample, batch, RECIPE, seed=3)  # type: ignore[arg-type]


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


def test_the_rate_rises_and_falls() -> None:
    config = TrainConfig(learning_rate=1.0, warm_up=0.5)
    assert [config.learning_rate_at(step, 4) for step in range(4)] == pytest.approx([0.5, 1.0, 1.0, 0.5])


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_cancelled_training_goes_on_bit_by_bit(stop: int) -> None:
    whole, strategy = supernet()
    train(strategy, RECIPE, STEPS)

    kept: list[bytes] = []
    done: list[int] = []
    broken, strategy = supernet()
    told: list[tuple[str, int, int]] = []
    callbacks = replace(
        NO_CALLBACKS,
        save=kept.append,
        on_step=lambda n, _: done.append(n),
        cancelled=lambda: len(done) == stop,
        on_saved=lambda *n: told.append(("saved", *n)),
    )
    with pytest.raises(Cancelled):
        train(strategy, RECIPE, STEPS, callbacks)
    assert done == list(range(1, stop + 1)) and len(kept) == 1

    resumed, strategy = supernet()
    again = replace(NO_CALLBACKS, load=lambda: kept[0], on_restored=lambda *n: told.append(("restored", *n)))
    train(strategy, RECIPE, STEPS, again)
    assert told == [("saved", stop, STEPS), ("restored", stop, STEPS)]
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


def test_a_checkpoint_of_another_training_is_refused() -> None:
    kept: list[bytes] = []
    _, strategy = supernet()
    with pytest.raises(Cancelled):
        train(strategy, RECIPE, STEPS, replace(NO_CALLBACKS, save=kept.append, cancelled=lambda: True))
    with pytest.raises(StoreCorrupt, match="another training"):
        train(Squares(), RECIPE, STEPS, replace(NO_CALLBACKS, load=lambda: kept[0]))


def test_global_random_numbers_are_not_read() -> None:
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        random.seed(seed)
        supernet_weights, strategy = supernet()
        train(strategy, RECIPE, 2)
        results.append(supernet_weights.tensors["stem.weight"].detach())
    assert torch.equal(*results)


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


def test_the_random_networks_are_told_on_average() -> None:
    def told(num_random: int) -> dict[str, float]:
        _, strategy = supernet()
        return replace(strategy, sample=lambda _: SMALL, num_random=num_random).backward(0)

    assert told(3) == pytest.approx(told(1))
    assert told(1)["loss_random"] == pytest.approx(told(1)["loss_smallest"])
    assert "loss_random" not in told(0)


def test_a_step_trains_what_its_networks_have_and_leaves_the_rest() -> None:
    supernet_weights, strategy = supernet()
    strategy.backward(0)
    gradient = supernet_weights.tensors["0.depth.weight"].grad
    assert gradient is not None and bool((gradient != 0).all())
    other = SupernetWeights.of((*LARGE.layers, *SMALL.layers), seed=0)
    leaves = other.leaves(SMALL)
    for leaf in leaves.values():
        leaf.grad = torch.ones_like(leaf)
    other.add_gradients(SMALL, leaves)
    other.add_gradients(SMALL, leaves)
    gathered = other.tensors["0.depth.weight"].grad
    assert gathered is not None
    assert bool((gathered[:12, :, 1:4, 1:4] == 2).all()) and float(gathered.sum()) == 2 * 12 * 9


def test_gradients_through_leaves_are_those_through_slices() -> None:
    supernet_weights, strategy = supernet()
    strategy.backward(0)
    through_leaves = supernet_weights.tensors["1.expand.weight"].grad
    assert through_leaves is not None
    _, again = supernet()
    images, labels = batch(0, 12)
    total = torch.zeros_like(through_leaves)
    rng = random.Random(3 * 1_000_003)
    slices = {name: tensor.clone().requires_grad_() for name, tensor in again.weights.tensors.items()}
    from nas.interpreter import run

    answers = None
    for network in (LARGE, SMALL, again.sample(rng), again.sample(rng)):
        logits = run(network, images, Training(SupernetWeights(slices).parameters(network)))
        if answers is None:
            loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=RECIPE.label_smoothing)
            answers = logits.detach().softmax(1)
        else:
            loss = torch.nn.functional.cross_entropy(logits, answers)
        (gradient,) = torch.autograd.grad(loss, [slices["1.expand.weight"]])
        total += gradient
    assert torch.allclose(through_leaves, total, atol=1e-6)


def test_training_learns_and_int8_retraining_ends_in_the_numbers_it_trained() -> None:
    supernet_weights, strategy = supernet()
    losses: list[float] = []

    def on_metric(name: str, step: int, value: float) -> None:
        if name == "loss_largest":
            losses.append(value)

    train(strategy, RECIPE, 41, replace(NO_CALLBACKS, on_metric=on_metric))
    assert losses[-1] < losses[0] / 2
    plain = SupernetWeights({name: tensor.detach() for name, tensor in supernet_weights.tensors.items()})
    images = torch.cat([batch(step, 12)[0] for step in range(100, 104)])
    weights = folded(SMALL, plain.parameters(SMALL), recalibrate(SMALL, plain, [images]))
    ranges = observe(SMALL, BNFolded(weights), [images])
    leaves = {name: value.clone() for name, value in weights.items()}
    config = TrainConfig(batch_size=16, learning_rate=1e-3, weight_decay=0.0)
    single_network: TrainingStrategy = SingleNetwork(
        SMALL, leaves, lambda own: FakeQuant(SMALL, own, ranges), batch, config
    )
    train(single_network, config, 4)
    assert not torch.equal(leaves["stem.weight"], weights["stem.weight"])
    pixels = (images * 255).round().to(torch.uint8)
    from nas.interpreter import run

    with torch.no_grad():
        trained = run(SMALL, pixels.float() / 255, FakeQuant(SMALL, leaves, ranges))
    assert torch.equal(trained, run_quantised(SMALL, quantise(SMALL, leaves, ranges), pixels))
