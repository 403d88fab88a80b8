"""A group of two ranks learns what one process learns from the same batches, to within the order of float sums."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from nas.errors import Cancelled
from nas.interpreter import Training, run
from nas.supernet_weights import SupernetWeights
from nas.tensors import Tensors, unpack
from nas.training.group import ALONE, Group, PeerLost, joined, meeting
from nas.training.group_batch_norm import GroupTraining
from nas.training.loop import NO_CALLBACKS, train
from tests.nas.networks import gated
from tests.nas.training.ranks import run_ranks
from tests.nas.training.supernets import LARGE, RECIPE, batch, supernet

STEPS = 20
STOP = 8
CLASS_WEIGHTS = torch.tensor([1.0, 3.0] + [1.0] * 8)


def part(whole: Tensor, group: Group) -> Tensor:
    """A rank's part of a batch, uneven: 5 and 11 of 16."""
    cut = 5 * len(whole) // 16
    return whole if group.alone else whole[:cut] if group.rank == 0 else whole[cut:]


@dataclass
class Learned:
    weights: Tensors
    losses: dict[str, float]
    saved: list[bytes]
    steps: int


def learn(group: Group, resume: bytes | None = None, stop: int | None = None) -> Learned:
    """A sandwich with weighted classes whose first steps train the largest alone; `stop` is requested of the last rank."""
    weights, strategy = supernet()
    learned = Learned({}, {}, [], 0)

    def own_batch(step: int, image_size: int) -> tuple[Tensor, Tensor]:
        images, labels = batch(step, image_size)
        return part(images, group), part(labels, group)

    def on_step(done: int, _steps: int) -> None:
        learned.steps = done

    def on_metric(name: str, step: int, value: float) -> None:
        if name.startswith(("loss", "accuracy")):
            learned.losses[f"{name}/{step}"] = value

    callbacks = replace(
        NO_CALLBACKS,
        load=lambda: resume,
        save=learned.saved.append,
        on_step=on_step,
        on_metric=on_metric,
        cancelled=lambda: group.rank == group.size - 1 and learned.steps == stop,
    )
    strategy = replace(strategy, batch=own_batch, class_weights=CLASS_WEIGHTS, largest_first=2, group=group)
    try:
        train(strategy, RECIPE, STEPS, callbacks, group)
    except Cancelled:
        assert learned.steps == stop
    learned.weights = {name: tensor.detach() for name, tensor in weights.tensors.items()}
    return learned


def gradients(group: Group) -> Tensors:
    """Of a network with gates, in double precision, from images whose channels are far from zero."""
    network = gated(width=4)
    weights = SupernetWeights.of(network.layers, seed=0)
    leaves = {name: tensor.double().requires_grad_() for name, tensor in weights.tensors.items()}
    images = part(3 + batch(0, 12)[0].double(), group)
    mode = Training(leaves) if group.alone else GroupTraining(leaves, group)
    logits = run(network, images, mode)
    (logits.softmax(1)[:, 0].sum() / 16).backward()
    group.sum_gradients(leaves[name] for name in sorted(leaves))
    return {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}


def everything(group: Group) -> dict[str, Any]:
    """All that the tests need of two ranks, in one start of them."""
    return {
        "learned": learn(group),
        "stopped": learn(group, stop=STOP),
        "gradients": gradients(group),
        "any": [group.any(flag) for flag in (False, group.rank == 1)],
        "broadcast": [group.broadcast(blob) for blob in (b"state" if group.rank == 0 else None, None, b"")],
        "locks": group.to_lock(["cpu", f"cuda:{group.rank}"]),
    }


@pytest.fixture(scope="module")
def ranks() -> list[dict[str, Any]]:
    return run_ranks(everything, 2)


@pytest.fixture(scope="module")
def alone() -> Learned:
    return learn(ALONE)


def assert_equal_results(one: Learned, other: Learned) -> None:
    """To the tolerance that docs/numbers.md states."""
    assert one.losses == pytest.approx(other.losses, rel=1e-5)
    images = batch(99, 12)[0]
    logits = [run(LARGE, images, Training(SupernetWeights(it.weights).parameters(LARGE))) for it in (one, other)]
    torch.testing.assert_close(logits[0], logits[1], rtol=0, atol=2e-5)
    for name, tensor in one.weights.items():
        if not name.endswith(
            "project.beta"
        ):  # the next layer's batch norm removes this shift: its gradient is rounding
            assert float((tensor - other.weights[name]).abs().max()) < 1e-3 * float(tensor.abs().max()), name


def test_two_ranks_learn_what_one_learns(ranks: list[dict[str, Any]], alone: Learned) -> None:
    assert len(alone.losses) == 2 + 2 * 6 and alone.losses["accuracy_largest/19"] == 1
    for rank in ranks:
        assert_equal_results(rank["learned"], alone)


def test_all_ranks_have_the_same_weights_bit_by_bit(ranks: list[dict[str, Any]]) -> None:
    first, second = (rank["learned"].weights for rank in ranks)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_gradients_through_a_groups_batch_norm_are_exact(ranks: list[dict[str, Any]]) -> None:
    expected = gradients(ALONE)
    assert expected.keys() == ranks[1]["gradients"].keys()
    for name, gradient in ranks[1]["gradients"].items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-9, atol=1e-12)


def test_a_stop_of_any_rank_stops_all_before_the_same_step_and_is_saved_once(ranks: list[dict[str, Any]]) -> None:
    assert [rank["stopped"].steps for rank in ranks] == [STOP, STOP]
    assert [len(rank["stopped"].saved) for rank in ranks] == [1, 0]
    assert unpack(ranks[0]["stopped"].saved[0])[1]["step"] == STOP


def test_a_checkpoint_of_two_ranks_is_continued_by_one(ranks: list[dict[str, Any]], alone: Learned) -> None:
    resumed = learn(ALONE, resume=ranks[0]["stopped"].saved[0])
    before = {name: value for name, value in alone.losses.items() if int(name.partition("/")[2]) < STOP}
    assert_equal_results(replace(resumed, losses={**resumed.losses, **before}), alone)


def test_what_ranks_tell_each_other(ranks: list[dict[str, Any]]) -> None:
    assert [rank["any"] for rank in ranks] == [[False, True]] * 2
    assert [rank["broadcast"] for rank in ranks] == [[b"state", None, b""]] * 2


def test_one_rank_of_a_machine_locks_the_devices_of_all(ranks: list[dict[str, Any]]) -> None:
    assert [rank["locks"] for rank in ranks] == [("cpu", "cuda:0", "cuda:1"), ()]
    assert ALONE.to_lock(["cpu"]) == ("cpu",)


def test_a_rank_that_begins_again_is_not_of_the_group() -> None:
    with meeting("127.0.0.1") as at:
        at.store().add("began/0", 1)
        with pytest.raises(PeerLost, match="begun before"), joined(0, 2, at, "cpu"):
            pass
