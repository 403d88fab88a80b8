"""Reads any user's ONNX model as a `Network`, so that its picture, counts and cost on any target follow.

Float models, QDQ INT8 models and models of integer operators give the same network: quantisation is ignored, batch
norms and scales by constants fold into the layer before them, an activation belongs to the layer whose only reader it is.
Any other operator becomes a layer named `onnx:<OpType>` with its shapes, which a target may reject for that reason.
A closing softmax or arg-max of a vector is left out, since a deployed classifier outputs logits. Weights are not read here
(`onnx_weights.py`).
A scale or batch norm of a feature map that has no layer to fold into is a 1x1 depthwise convolution, which computes the
same.

Not here: parsing (`onnx_file.py`), shapes (`onnx_shapes.py`), single operators (`onnx_operators.py`), fusing (`onnx_fusing.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search_spaces.errors import InvalidNetwork, UnreadableModel
from search_spaces.network import INPUT, Network
from search_spaces.onnx_file import load
from search_spaces.onnx_fusing import Draft
from search_spaces.onnx_operators import HANDLERS
from search_spaces.onnx_walk import Walk


def read_onnx(source: Path | str | bytes, *, input_size: int | tuple[int, int] | None = None) -> Network:
    """Reads an ONNX model as a network.

    Args:
        source: path of the file, or its bytes.
        input_size: height and width of the input in pixels (one number for both), for a model that leaves them open.

    Raises:
        UnreadableModel: no ONNX file, too large, several inputs, shapes that cannot be inferred, no layers.
    """
    return drawn(source, input_size=input_size).network


@dataclass(frozen=True)
class Drawn:
    """A network with what it was read from, for whoever needs its weights, too.

    Attributes:
        walk: the nodes and constants behind its layers.
        folded: by layer (or `INPUT`), the scales and shifts that were folded into it, in their order.
    """

    network: Network
    walk: Walk
    folded: Mapping[str, Sequence[str]]


def drawn(
    source: Path | str | bytes, *, input_size: int | tuple[int, int] | None = None, open_size: int | None = None
) -> Drawn:
    """Reads an ONNX model as `read_onnx` does, which documents arguments and errors.

    Args:
        source, input_size: as there.
        open_size: height and width of the input in pixels where the file leaves them open.
    """
    size = (input_size, input_size) if isinstance(input_size, int) else input_size
    if size is not None and not all(0 < side <= 65_536 for side in size):
        raise UnreadableModel(
            f"An input size of {size} pixels is not possible.", fix="Give height and width of 1 to 65536."
        )
    graph = load(source, size, None if open_size is None else (open_size, open_size))
    walk = Walk(graph)
    walk.run(HANDLERS)
    outputs = tuple(dict.fromkeys(walk.values[name].source for name in graph.outputs if name in walk.values))
    draft = Draft(walk.layers, walk.affine, outputs)
    draft.drop_closing()
    draft.fuse_gelu()
    draft.fuse_gates()
    draft.fold_affine()
    draft.fuse_activations()
    if not draft.layers or INPUT in draft.outputs:
        raise UnreadableModel(
            "The model computes nothing from its input.", fix="Export a model with at least one layer."
        )
    try:
        network = Network(graph.name, walk.input_shape, tuple(draft.layers.values()), draft.outputs)
    except InvalidNetwork as error:
        raise UnreadableModel(
            f"Its layers do not fit together: {error.detail}", fix="Export the model again."
        ) from error
    return Drawn(network, walk, draft.folded)
