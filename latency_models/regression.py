"""What a layer costs whose key was never measured: a regression over physical features of its operator family.

A stopgap that is always labelled as such (`estimated`). Not a model of whole networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hw_targets.weights import absorbed
from search_spaces.cost import elements, layer_macs, layer_weight_bytes
from search_spaces.network import Layer

Array = NDArray[np.float64]

FEATURES: Final = ("layers", "macs", "input_bytes", "output_bytes", "weight_bytes")
MINIMUM: Final = 2 * len(FEATURES)
"""A family with fewer measured keys than this is not fitted; its layers fall back to the next wider family."""

FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class Family:
    """One fitted family.

    Attributes:
        coefficients: ms per unit of each of `FEATURES`, none below 0.
        keys: how many measured keys it was fitted on.
        error: mean relative error on keys left out of the fit (cross-validated), a fraction.
    """

    coefficients: tuple[float, ...]
    keys: int
    error: float


@dataclass(frozen=True, slots=True)
class Fallback:
    """Fitted families by name, from `families`. Empty when there were too few keys: then unseen layers cost 0 ms."""

    families: Mapping[str, Family]

    def estimate(self, layer: Layer) -> tuple[float, float]:
        """(latency in ms, relative error to expect) of a layer by the narrowest family that was fitted."""
        for name in families(layer):
            family = self.families.get(name)
            if family is not None:
                return float(np.dot(family.coefficients, features(layer))), family.error
        return 0.0, 1.0

    def to_json(self) -> dict[str, Any]:
        """The families as plain JSON values."""
        return {
            name: {"coefficients": list(f.coefficients), "keys": f.keys, "error": f.error}
            for name, f in self.families.items()
        }

    @staticmethod
    def from_json(document: dict[str, Any]) -> "Fallback":
        """The inverse of `to_json`."""
        return Fallback({name: Family(tuple(f["coefficients"]), f["keys"], f["error"]) for name, f in document.items()})


def families(layer: Layer) -> tuple[str, ...]:
    """Names of the families that a layer belongs to, narrow to wide."""
    kind = layer.op
    if layer.op == "conv":
        shape = "depthwise" if layer.is_depthwise else "pointwise" if layer.kernel == (1, 1) else "spatial"
        kind = f"{shape} conv"
    narrow = kind if absorbed(layer) else f"{kind} {layer.activation}"
    return tuple(dict.fromkeys((narrow, kind, layer.op, "any")))


def features(layer: Layer) -> tuple[float, ...]:
    """One image's `FEATURES` at one byte a value."""
    inputs = sum(map(elements, layer.in_shapes))
    return (1.0, layer_macs(layer), inputs, elements(layer.out_shape), layer_weight_bytes(layer))


def fit_fallback(layers: Mapping[str, Layer], latency_ms: Mapping[str, float]) -> Fallback:
    """Fits every family that has enough keys, by non-negative least squares of the relative errors.

    Args:
        layers: one layer for each key.
        latency_ms: its latency by key. Keys absent from either, or with no latency at all, are left out.
    """
    members: dict[str, list[str]] = {}
    for key in sorted(layers):
        if latency_ms.get(key, 0.0) > 0:
            for name in families(layers[key]):
                members.setdefault(name, []).append(key)
    return Fallback(
        {
            name: _fit([features(layers[k]) for k in keys], [latency_ms[k] for k in keys])
            for name, keys in sorted(members.items())
            if len(keys) >= MINIMUM
        }
    )


def _fit(rows: Sequence[Sequence[float]], latency_ms: Sequence[float]) -> Family:
    design, target = np.asarray(rows, dtype=np.float64), np.asarray(latency_ms, dtype=np.float64)
    fold = np.arange(len(target)) % FOLDS
    errors = np.empty(len(target))
    for held in range(FOLDS):
        kept = fold != held
        guess = design[~kept] @ _relative_nnls(design[kept], target[kept])
        errors[~kept] = np.abs(guess / target[~kept] - 1)
    coefficients = _relative_nnls(design, target)
    return Family(tuple(map(float, coefficients)), len(target), float(errors.mean()))


def _relative_nnls(design: Array, target: Array) -> Array:
    """Coefficients (F,), none below 0, of the least squared relative error."""
    scale = np.maximum(design.max(axis=0), 1e-12)
    # Entries of a few nanoseconds must not rule the fit: weigh relative errors by how much of the total a key is.
    weight = np.sqrt(target / (target + np.median(target)))
    scaled: Array = non_negative_least_squares(design / scale * (weight / target)[:, None], weight) / scale
    return scaled


def non_negative_least_squares(design: Array, target: Array) -> Array:
    """Minimises |design @ x - target| over x >= 0, by trying every set of columns: exact, for a handful of columns."""
    columns = design.shape[1]
    best, best_error = np.zeros(columns), float(target @ target)
    for count in range(1, columns + 1):
        for chosen in combinations(range(columns), count):
            part = design[:, chosen]
            solution = np.linalg.lstsq(part, target, rcond=None)[0]
            error = float(np.square(part @ solution - target).sum())
            if (solution >= 0).all() and error < best_error - 1e-15:
                best = np.zeros(columns)
                best[list(chosen)] = solution
                best_error = error
    return best
