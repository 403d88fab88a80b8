"""`Network` and `Layer`: shapes, keys, JSON, and the errors of graphs that do not fit together."""

import json

import pytest

from search_spaces.builder import Graph
from search_spaces.errors import InvalidNetwork
from search_spaces.network import INPUT, Layer, Network


def tiny() -> Network:
    g = Graph((3, 8, 8))
    x = g.conv("stem", g.input, 16, kernel=3, stride=2, activation="relu6")
    y = g.conv("depthwise", x, 16, kernel=3, groups=16, activation="relu6")
    z = g.add("add", x, y)
    g.linear("classifier", g.global_avg_pool("pool", z), 10)
    return g.network("tiny")


def test_shapes_follow_strides() -> None:
    assert [layer.out_shape for layer in tiny().layers] == [(16, 4, 4), (16, 4, 4), (16, 4, 4), (16, 1, 1), (10, 1, 1)]


def test_key_names_everything_but_the_name() -> None:
    stem, depthwise, *_ = tiny().layers
    assert stem.key == "conv 3x8x8>16x4x4 k3 s2 p1,1,1,1 relu6"
    assert depthwise.key == "conv 16x4x4>16x4x4 k3 s1 p1,1,1,1 g16 relu6"
    assert depthwise.is_depthwise
    assert not stem.is_depthwise


def test_json_round_trip_keeps_the_id() -> None:
    network = tiny()
    again = Network.from_json(json.loads(json.dumps(network.to_json())))
    assert again == network
    assert again.id == network.id


def test_id_ignores_the_title_and_sees_the_graph() -> None:
    network = tiny()
    assert Network("other", network.input_shape, network.layers).id == network.id
    assert Network("tiny", network.input_shape, network.layers[:-1]).id != network.id


def test_a_layer_must_read_what_is_there() -> None:
    layer = Layer("a", "activation", ("missing",), ((3, 8, 8),), (3, 8, 8), activation="relu")
    with pytest.raises(InvalidNetwork, match="not defined before it"):
        Network("broken", (3, 8, 8), (layer,))


def test_a_shape_must_agree() -> None:
    layer = Layer("a", "activation", (INPUT,), ((3, 4, 4),), (3, 4, 4), activation="relu")
    with pytest.raises(InvalidNetwork, match=r"as \(3, 4, 4\), which is \(3, 8, 8\)"):
        Network("broken", (3, 8, 8), (layer,))


def test_names_are_unique() -> None:
    layer = tiny().layers[0]
    with pytest.raises(InvalidNetwork, match="used twice"):
        Network("broken", (3, 8, 8), (layer, layer))


def test_another_schema_is_rejected() -> None:
    with pytest.raises(InvalidNetwork, match="schema 99"):
        Network.from_json({**tiny().to_json(), "schema": 99})
