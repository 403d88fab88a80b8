"""Importance of channels: sorting by it changes no function, and removing what matters least costs least."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.importance import Importance, descending, importances, norms, permuted
from nas.interpreter import Training, run
from nas.supernet_weights import SupernetWeights
from search_spaces.builder import Graph
from search_spaces.exits import exits, exits_network
from search_spaces.network import Network
from search_spaces.registry import space as find_space


def two_layers() -> Network:
    g = Graph((1, 4, 4))
    x = g.conv("hidden", g.input, 3, activation="relu")
    g.linear("classifier", g.global_avg_pool("pool", x), 2)
    return g.network("small")


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels)


def batch(network: Network, count: int = 16) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(count, *network.input_shape, generator=generator), torch.arange(count) % 2


def test_a_channel_that_nothing_reads_has_no_importance() -> None:
    network = two_layers()
    weights = SupernetWeights.of(network.layers, seed=0)
    weights.tensors["classifier.weight"][:, 1] = 0
    weights.tensors["hidden.beta"] += 0.5
    (found,) = importances(network, weights, [batch(network)], loss)
    assert found.channels["hidden"][1] == 0
    assert found.channels["hidden"][[0, 2]].min() > 0
    order = descending(network, [found.channels])["hidden"].out
    assert order is not None and order.tolist()[-1] == 1


def test_it_is_the_change_of_the_loss_to_first_order() -> None:
    """By hand: the product of scale and gradient of a channel's batch norm, summed with that of its shift."""
    network = two_layers()
    weights = SupernetWeights.of(network.layers, seed=0)
    weights.tensors["hidden.beta"] += 0.5
    (found,) = importances(network, weights, [batch(network)], loss)
    images, labels = batch(network)
    step = 1e-3
    for channel in range(3):
        values = []
        for factor in (1 + step, 1 - step):
            changed = {name: tensor.clone() for name, tensor in weights.tensors.items()}
            for role in ("gamma", "beta"):
                changed[f"hidden.{role}"][channel] *= factor
            values.append(float(loss(run(network, images, Training(changed)), labels)))
        assert found.channels["hidden"][channel] == pytest.approx(abs(values[0] - values[1]) / (2 * step), rel=0.02)


@pytest.mark.parametrize("name", ["efficientnet_lite", "mobilenet", "resnet"])
def test_sorting_changes_no_output(name: str) -> None:
    space = find_space(name, resolution=32, channels=3, classes=4)
    network = exits_network(space)
    weights = SupernetWeights.of(network.layers, seed=0)
    by_norm = [norms(weights.tensors)]
    orders = descending(network, by_norm)
    assert any(order.out is not None and order.out.tolist() != sorted(order.out.tolist()) for order in orders.values())
    exact = {name: tensor.double() for name, tensor in weights.tensors.items()}
    ordered = permuted(exact, orders)
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for architecture in exits(space):
        one = space.network(architecture)
        before, after = (run(one, images, Training(tensors)) for tensors in (exact, ordered))
        assert torch.allclose(before, after, rtol=1e-9, atol=1e-12)


def test_sorted_channels_descend_and_ends_share_an_order() -> None:
    space = find_space("efficientnet_lite", resolution=32, channels=3, classes=2)
    network = exits_network(space)
    weights = SupernetWeights.of(network.layers, seed=0)
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = importances(network, weights, [(images, torch.arange(8) % 2)], loss)
    assert len(found) == len(network.outputs)
    assert "s7.b0.expand" not in found[0].channels and "s7.b0.expand" in found[-1].channels
    orders = descending(network, [one.channels for one in found])
    after = [one.permuted(orders) for one in found]
    total = sum(one.channels["s2.b1.expand"] + one.channels["s2.b1.depthwise"] for one in after)
    assert np.all(np.diff(total) <= 0)


def test_of_a_slice() -> None:
    space = find_space("efficientnet_lite", resolution=32, channels=3, classes=2)
    layer = next(x for x in space.network(space.largest()).layers if x.kernel == (5, 5))
    channels = np.arange(layer.out_shape[0], 0, -1.0)
    whole = Importance({layer.name: channels}, {layer.name: np.array([0.0, 0.5, 1.0])})
    assert whole.of(layer) == channels.sum()
    smallest = space.network(space.smallest())
    smaller = next((x for x in smallest.layers if x.name == layer.name), None)
    assert smaller is not None and smaller.kernel == (3, 3)
    assert whole.of(smaller) == 0.5 * channels[: smaller.out_shape[0]].sum()
    assert Importance({}, {}).of(layer) == -np.inf
    assert Importance.from_json(whole.to_json()).of(smaller) == whole.of(smaller)
