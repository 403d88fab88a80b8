"""Reads any user's ONNX model as a `Network`, so that it can be drawn, counted and costed on any target.

Float models, QDQ INT8 models and models of integer operators give the same network: quantisation is seen through, batch
norms and scales by constants fold into the layer before them, an activation belongs to the layer whose only reader it is.
Whatever has no layer of its own here becomes one named `onnx:<OpType>` with its shapes, which a target may refuse with
that reason. A closing softmax or arg-max of a vector is left out, since a deployed classifier answers logits. Weights are
not read. A scale or batch norm that has no layer to fold into is a 1x1 depthwise convolution, which computes the same.

Not here: parsing and shapes (`onnx_file.py`), single operators (`onnx_operators.py`).
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from search_spaces.errors import InvalidNetwork, UnreadableModel
from search_spaces.network import INPUT, Layer, Network, readers
from search_spaces.onnx_file import load
from search_spaces.onnx_operators import HANDLERS
from search_spaces.onnx_walk import AFFINE, Affine, Walk

BEARERS: Final = frozenset({"conv", "linear", "add"})
"""Operators that may bear a fused activation."""

_CLOSING: Final = frozenset({"onnx:Softmax", "onnx:LogSoftmax", "onnx:ArgMax"})
_GATES: Final = {"sigmoid": "silu", "hard_sigmoid": "hard_swish"}


def read_onnx(source: Path | str | bytes, *, input_size: int | tuple[int, int] | None = None) -> Network:
    """Reads an ONNX model as a network.

    Args:
        source: path of the file, or its bytes.
        input_size: height and width of the input in pixels (one number for both), for a model that leaves them open.

    Raises:
        UnreadableModel: no ONNX file, too large, several inputs, shapes that cannot be worked out, no layers.
    """
    size = (input_size, input_size) if isinstance(input_size, int) else input_size
    if size is not None and not all(0 < side <= 65_536 for side in size):
        raise UnreadableModel(
            f"An input size of {size} pixels is not possible.", fix="Give height and width of 1 to 65536."
        )
    graph = load(source, size)
    walk = Walk(graph)
    walk.run(HANDLERS)
    outputs = tuple(dict.fromkeys(walk.values[name].source for name in graph.outputs if name in walk.values))
    draft = _Draft(walk.layers, walk.affine, outputs)
    draft.drop_closing()
    draft.fuse_gates()
    draft.fold_affine()
    draft.fuse_activations()
    if not draft.layers or INPUT in draft.outputs:
        raise UnreadableModel(
            "The model computes nothing from its input.", fix="Export a model with at least one layer."
        )
    try:
        return Network(graph.name, walk.input_shape, tuple(draft.layers.values()), draft.outputs)
    except InvalidNetwork as error:
        raise UnreadableModel(
            f"Its layers do not fit together: {error.detail}", fix="Export the model again."
        ) from error


class _Draft:
    """Layers that are being fused; every pass leaves a correct network."""

    def __init__(self, layers: dict[str, Layer], affine: dict[str, Affine], outputs: tuple[str, ...]) -> None:
        self.layers = dict(layers)
        self.outputs = outputs
        self._affine = affine
        self._drop_dead()

    def _drop_dead(self) -> None:
        live = set(self.outputs)
        for layer in reversed(list(self.layers.values())):
            if layer.name in live:
                live.update(layer.inputs)
        self.layers = {name: layer for name, layer in self.layers.items() if name in live}

    def _redirect(self, renamed: dict[str, str]) -> None:
        """Removes layers, letting their readers read others instead."""

        def final(name: str) -> str:
            while name in renamed:
                name = renamed[name]
            return name

        kept = (layer for layer in self.layers.values() if layer.name not in renamed)
        self.layers = {layer.name: replace(layer, inputs=tuple(map(final, layer.inputs))) for layer in kept}
        self.outputs = tuple(dict.fromkeys(map(final, self.outputs)))
        self._drop_dead()

    def _only_reader(self) -> dict[str, Layer]:
        found = readers(self.layers.values())
        return {n: users[0] for n, users in found.items() if len(users) == 1 and n not in self.outputs}

    def drop_closing(self) -> None:
        """Leaves out a softmax or arg-max of a vector that only makes the output."""
        read = readers(self.layers.values())
        closing = {
            name: self.layers[name].inputs[0]
            for name in self.outputs
            if name in self.layers and name not in read and self.layers[name].op in _CLOSING
            and self.layers[name].in_shapes[0][1:] == (1, 1) and self.layers[name].inputs[0] != INPUT
        }  # fmt: skip
        self._redirect(closing)

    def fuse_gates(self) -> None:
        """`x * sigmoid(x)` is SiLU, `x * hard_sigmoid(x)` and `x * relu6(x + 3) / 6` are hard-swish."""
        self._fuse_shifted_clips()
        renamed = {}
        only = self._only_reader()
        for layer in list(self.layers.values()):
            if layer.op != "mul" or len(set(layer.inputs)) != 2:
                continue
            for value, name in (layer.inputs, layer.inputs[::-1]):
                gate = self.layers.get(name)
                if (
                    gate
                    and gate.op == "activation"
                    and gate.inputs == (value,)
                    and name in only
                    and gate.activation in _GATES
                ):
                    fused = _GATES[gate.activation]
                    self.layers[layer.name] = replace(
                        layer, op="activation", inputs=(value,), in_shapes=gate.in_shapes, activation=fused
                    )
                    sixth = only.get(layer.name)
                    if (
                        gate.name in self._unscaled
                        and sixth is not None
                        and self._constant(sixth, ("Div", 6), ("Mul", 1 / 6))
                    ):
                        renamed[sixth.name] = layer.name
                    break
        self._redirect(renamed)

    def _fuse_shifted_clips(self) -> None:
        """`relu6(x + 3) / 6` is the hard sigmoid, whether the division comes before or after the gate's product."""
        renamed: dict[str, str] = {}
        self._unscaled: set[str] = set()
        only = self._only_reader()
        for layer in list(self.layers.values()):
            clip = only.get(layer.name)
            if not self._constant(layer, ("Add", 3)) or clip is None or clip.activation != "relu6":
                continue
            after = only.get(clip.name)
            if after is None:
                continue
            if self._constant(after, ("Div", 6), ("Mul", 1 / 6)):
                renamed[after.name] = clip.name
            elif after.op == "mul" and layer.inputs[0] in after.inputs:
                self._unscaled.add(clip.name)
            else:
                continue
            self.layers[clip.name] = replace(clip, activation="hard_sigmoid", inputs=layer.inputs)
        self._redirect(renamed)

    def _constant(self, layer: Layer, *wanted: tuple[str, float]) -> bool:
        """Whether a layer is one of these operators with these constants."""
        affine = self._affine.get(layer.name)
        if layer.op != AFFINE or affine is None or affine.scalar is None:
            return False
        return any(affine.op == op and abs(affine.scalar - value) < 1e-3 * value for op, value in wanted)

    def fold_affine(self) -> None:
        """Folds scales and shifts into the layer before, into the reading of the pixels, or makes them convolutions."""
        only = self._only_reader()
        renamed: dict[str, str] = {}
        for layer in list(self.layers.values()):
            if layer.op != AFFINE:
                continue
            source = layer.inputs[0]
            while source in renamed:
                source = renamed[source]
            before = self.layers.get(source)
            folds = before is not None and before.has_weights and before.activation is None
            if layer.inputs[0] in only and (folds or source == INPUT):
                renamed[layer.name] = source
            else:
                groups = layer.out_shape[0]
                self.layers[layer.name] = replace(layer, op="conv", groups=groups)
        self._redirect(renamed)

    def fuse_activations(self) -> None:
        """Gives an activation to the layer that it alone reads."""
        only = self._only_reader()
        renamed: dict[str, str] = {}
        for layer in list(self.layers.values()):
            if layer.op != "activation":
                continue
            before = self.layers.get(layer.inputs[0])
            if before is not None and before.op in BEARERS and before.activation is None and before.name in only:
                self.layers[before.name] = replace(before, activation=layer.activation)
                renamed[layer.name] = before.name
        self._redirect(renamed)
