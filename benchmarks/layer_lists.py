"""Reads the data pack's layer lists (`networks/*.json`) as networks. Their schema is the pack's own; not for users' models."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from hw_targets.weights import FloatLayer
from search_spaces.errors import UnreadableModel
from search_spaces.network import INPUT, Layer, Network, Shape

_OPERATORS: Final = {
    "conv": "conv", "dwconv": "conv", "deconv": "onnx:ConvTranspose", "fc": "linear", "maxpool": "max_pool",
    "avgpool": "avg_pool", "add": "add", "concat": "concat", "upsample": "onnx:Resize", "reorg": "onnx:SpaceToDepth",
    "relu": "activation",
}  # fmt: skip


def read_layer_list(path: Path) -> Network:
    """A layer list as a network.

    Raises:
        UnreadableModel: it is no layer list, or has an operator that is not of the schema.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _network(document)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise UnreadableModel(
            f"{path} is no layer list: {type(error).__name__}: {error}.", fix="Use a file of the data pack's schema."
        ) from error


def to_onnx(network: Network) -> bytes:
    """A network as a float ONNX file whose weights are zero: for costing it only."""
    from hw_targets.float_lowering import lower_float

    return lower_float(network, {layer.name: _zeros(layer) for layer in network.layers if _has_weights(layer)})


def _has_weights(layer: Layer) -> bool:
    return layer.has_weights or layer.op == "onnx:ConvTranspose"


def _zeros(layer: Layer) -> FloatLayer:
    shape: tuple[int, ...] = layer.weight_shape
    if layer.op == "onnx:ConvTranspose":
        shape = (layer.in_shapes[0][0], layer.out_shape[0] // layer.groups, *layer.kernel)
    return FloatLayer(np.zeros(shape, np.float32), np.zeros(layer.out_shape[0], np.float32))


def _network(document: dict[str, Any]) -> Network:
    names: dict[str, str] = {}
    shapes: dict[str, Shape] = {}
    layers: list[Layer] = []
    read: set[str] = set()
    for entry in document["layers"]:
        shapes[entry["name"]] = _shape(entry["out_shape"])
        if entry["op"] == "input":
            names[entry["name"]] = INPUT
            continue
        names[entry["name"]] = entry["name"] if entry["name"] != INPUT else f"{INPUT}_"
        read.update(entry["inputs"])
        layers.append(_layer(entry, names, shapes))
    outputs = tuple(names[entry["name"]] for entry in document["layers"] if entry["name"] not in read)
    return Network(document["name"], _shape(document["input"]), tuple(layers), outputs)


def _layer(entry: dict[str, Any], names: dict[str, str], shapes: dict[str, Shape]) -> Layer:
    op = _OPERATORS[entry["op"]]
    window: dict[str, Any] = {}
    if "kernel" in entry:
        window = {"kernel": tuple(entry["kernel"]), "stride": tuple(entry["stride"]), "padding": tuple(entry["pad"])}
        if entry.get("dilation"):
            window["dilation"] = tuple(entry["dilation"])
    activation = "relu" if entry["op"] == "relu" else entry.get("activation")
    return Layer(
        names[entry["name"]], op, tuple(names[name] for name in entry["inputs"]),
        tuple(shapes[name] for name in entry["inputs"]), shapes[entry["name"]],
        groups=int(entry.get("groups", 1)), activation=activation, **window,
    )  # fmt: skip


def _shape(values: list[int]) -> Shape:
    return int(values[0]), int(values[1]), int(values[2])
