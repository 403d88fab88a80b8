"""Fusing of layers that were read from ONNX: gated activations, scales and activations belong to the layer whose only reader they are.

Not here: what single operators mean (`onnx_operators.py`).
"""

from dataclasses import replace
from typing import Final

from search_spaces.network import INPUT, Layer, readers
from search_spaces.onnx_walk import AFFINE, TOKEN_LINEAR, Affine

BEARERS: Final = frozenset({"conv", "linear", "add"})
"""Operators that may have a fused activation."""

_CLOSING: Final = frozenset({"onnx:Softmax", "onnx:LogSoftmax", "onnx:ArgMax"})
_GATES: Final = {"sigmoid": "silu", "hard_sigmoid": "hard_swish"}
_MAPS: Final = frozenset({"onnx:Resize", "onnx:Upsample", "onnx:SpaceToDepth", "onnx:DepthToSpace", "onnx:Pad"})
"""Operators of ONNX's name between which a scale is best a depthwise convolution."""


_WEIGHTED: Final = TOKEN_LINEAR | {"onnx:Conv", "onnx:ConvTranspose"}
"""Operators of ONNX's name with weights, into which scales and shifts fold."""


class Draft:
    """Layers that are being fused; every pass leaves a correct network.

    Attributes:
        folded: by layer (or `INPUT`), the scales and shifts that were folded into it, in their order.
    """

    def __init__(self, layers: dict[str, Layer], affine: dict[str, Affine], outputs: tuple[str, ...]) -> None:
        self.layers = dict(layers)
        self.outputs = outputs
        self.folded: dict[str, list[str]] = {}
        self._affine = affine
        self._drop_dead()

    def _drop_dead(self) -> None:
        live = set(self.outputs)
        for layer in reversed(list(self.layers.values())):
            if layer.name in live:
                live.update(layer.inputs)
        self.layers = {name: layer for name, layer in self.layers.items() if name in live}

    def _redirect(self, renamed: dict[str, str]) -> None:
        """Removes layers; their readers read others instead."""

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
        """`relu6(x + 3) / 6` is the hard sigmoid, whether the division comes before or after the product with x."""
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

    def _constant(self, layer: Layer, *constants: tuple[str, float]) -> bool:
        """Whether a layer is one of these operators with these constants."""
        affine = self._affine.get(layer.name)
        if layer.op != AFFINE or affine is None or affine.scalar is None:
            return False
        return any(affine.op == op and abs(affine.scalar - value) < 1e-3 * value for op, value in constants)

    def fuse_gelu(self) -> None:
        """`x * (1 + erf(x / sqrt(2))) / 2`, with the half at either place, is one layer; so is its form with tanh."""
        renamed: dict[str, str] = {}
        only = self._only_reader()
        for layer in list(self.layers.values()):
            shifted = only.get(layer.name) if layer.op in ("onnx:Erf", "onnx:Tanh") else None
            product = only.get(shifted.name) if shifted is not None and self._constant(shifted, ("Add", 1)) else None
            if shifted is None or product is None or product.op != "mul" or len(set(product.inputs)) != 2:
                continue
            x = next(name for name in product.inputs if name != shifted.name)
            half = self.layers.get(x)
            after = only.get(product.name)
            if half is not None and self._constant(half, ("Mul", 0.5), ("Div", 2)):
                x = half.inputs[0]
            elif after is not None and self._constant(after, ("Mul", 0.5), ("Div", 2)):
                renamed[after.name] = product.name
            else:
                continue
            if self._reaches(layer.name, x):
                self.layers[product.name] = replace(
                    product, op="onnx:Gelu", inputs=(x,), in_shapes=product.in_shapes[:1]
                )
        self._redirect(renamed)

    def _reaches(self, name: str, x: str, steps: int = 8) -> bool:
        """Whether a layer is computed from `x` in a few steps."""
        near = {name}
        for _ in range(steps):
            near |= {source for one in near if one in self.layers for source in self.layers[one].inputs}
        return x in near

    def fold_affine(self) -> None:
        """Folds scales and shifts into the layer before or into preprocessing, or makes them layers."""
        only = self._only_reader()
        renamed: dict[str, str] = {}
        for layer in list(self.layers.values()):
            if layer.op != AFFINE:
                continue
            source = layer.inputs[0]
            while source in renamed:
                source = renamed[source]
            before, affine = self.layers.get(source), self._affine.get(layer.name)
            folds = before is not None and (before.has_weights or before.op in _WEIGHTED) and before.activation is None
            if layer.inputs[0] in only and (folds or source == INPUT):
                renamed[layer.name] = source
                self.folded.setdefault(source, []).append(layer.name)
                if before is not None and affine is not None:
                    self.layers[source] = _with_affine(before, affine)
            elif before is not None and before.op.startswith("onnx:") and before.op not in _MAPS:
                op, own = ("Mul", 0) if affine is None else (affine.op, affine.params)
                self.layers[layer.name] = replace(layer, op=f"onnx:{op}", params=own or None)
            else:
                self.layers[layer.name] = replace(layer, op="conv", groups=layer.out_shape[0])
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


def _with_affine(layer: Layer, affine: Affine) -> Layer:
    """A layer after a scale or shift was folded into it; its parameters grow where it had no bias of its own."""
    if layer.params is None or affine.params == 0:
        return layer
    bias = affine.params // 2 if affine.op == "BatchNormalization" else affine.params
    if layer.op not in TOKEN_LINEAR:
        return replace(layer, params=max(layer.params, bias))
    return layer if affine.op in ("Mul", "Div") else replace(layer, params=layer.params + bias)
