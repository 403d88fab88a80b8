"""The cost of a layer whose key was never measured: a physical law of its operator family, corrected by its neighbours.

The law is non-negative in work and traffic; kernels jump from it where channels stop filling vectors or another code path
is taken, so the nearest measured keys correct it. A stopgap, always labelled as such (`estimated`), and not a model of
whole networks.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hw_targets.weights import fused_activation
from search_spaces.cost import elements, layer_macs, layer_weight_bytes
from search_spaces.network import Layer

Array = NDArray[np.float64]

FEATURES: Final = ("layers", "macs", "input_bytes", "output_bytes", "weight_bytes")
MINIMUM: Final = 2 * len(FEATURES)
"""A family with fewer measured keys than this is not fitted; its layers fall back to the next wider family."""

FOLDS: Final = 5
NEIGHBOURS: Final = 4
LEAST_MS: Final = 1e-6
"""Keys measured at less than a nanosecond are not used for others."""


@dataclass(frozen=True)
class Family:
    """One fitted family: a physical law, and each measured key's ratio to it.

    Attributes:
        coefficients: ms per unit of each of `FEATURES`, none below 0.
        centre, width: mean and deviation of the members' coordinates.
        members: standardised `coordinates` of each measured key.
        ratios: logarithm of its measured latency over the law's.
        error: mean relative error on keys left out of the fit (cross-validated), a fraction.
    """

    coefficients: tuple[float, ...]
    centre: tuple[float, ...]
    width: tuple[float, ...]
    members: tuple[tuple[float, ...], ...]
    ratios: tuple[float, ...]
    error: float = 0.0

    def estimate(self, work: Array, places: Array) -> Array:
        """Latencies (N,) in ms of layers with `features` (N, F) and `coordinates` (N, D).

        The law's value, times the weighted mean ratio of the nearest measured keys.
        """
        members, ratios = self._neighbourhood
        scaled = (places - self.centre) / self.width
        distance = np.square(scaled[:, None, :] - members[None]).sum(axis=2)
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
        weight = 1 / (np.take_along_axis(distance, nearest, axis=1) + 1e-3)
        ratio = (weight * ratios[nearest]).sum(axis=1) / weight.sum(axis=1)
        latencies: Array = _law(np.array(self.coefficients), work) * np.exp(ratio)
        return latencies

    @cached_property
    def _neighbourhood(self) -> tuple[Array, Array]:
        return np.array(self.members), np.array(self.ratios)


@dataclass(frozen=True, slots=True)
class Fallback:
    """Fitted families by name, from `families`. Empty when there were too few keys: then unmeasured layers cost 0 ms."""

    families: Mapping[str, Family]

    def estimate(self, layer: Layer) -> tuple[float, float]:
        """(latency in ms, relative error to expect) of a layer by the narrowest family that was fitted."""
        for name in families(layer):
            family = self.families.get(name)
            if family is not None:
                return float(
                    family.estimate(np.array([features(layer)]), np.array([coordinates(layer)]))[0]
                ), family.error
        return 0.0, 1.0

    def to_json(self) -> dict[str, Any]:
        """The families as plain JSON values."""
        return {name: asdict(family) for name, family in self.families.items()}

    @staticmethod
    def from_json(document: dict[str, Any]) -> "Fallback":
        """The inverse of `to_json`."""
        return Fallback({name: Family(**_tuples(family)) for name, family in document.items()})


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def families(layer: Layer) -> tuple[str, ...]:
    """Names of the families that a layer belongs to, narrow to wide."""
    kind = layer.op
    if layer.op == "conv":
        shape = "depthwise" if layer.is_depthwise else "pointwise" if layer.kernel == (1, 1) else "spatial"
        kind = f"{shape} conv"
    restrict = kind if fused_activation(layer) else f"{kind} {layer.activation}"
    return tuple(dict.fromkeys((restrict, kind, layer.op, "any")))


def features(layer: Layer) -> tuple[float, ...]:
    """One image's `FEATURES` at one byte a value."""
    inputs = sum(map(elements, layer.in_shapes))
    return (1.0, layer_macs(layer), inputs, elements(layer.out_shape), layer_weight_bytes(layer))


def coordinates(layer: Layer) -> tuple[float, ...]:
    """A layer's coordinates in its family: sizes on a logarithmic scale, and what selects a kernel's path.

    How often channels can be halved stands for how they fill vectors: 24 channels can cost what 64 do.
    """
    _, macs, inputs, outputs, weights = features(layer)
    before, after = layer.in_shapes[0][0], layer.out_shape[0]
    sizes = (macs, inputs, outputs, weights, before, after, layer.out_shape[1])
    return (
        *(math.log2(1 + size) for size in sizes),
        float(layer.kernel[0]),
        2.0 * layer.stride[0],
        float(_halvings(before)),
        float(_halvings(after)),
        0.0 if fused_activation(layer) else 3.0,
    )


def _halvings(channels: int) -> int:
    return min(6, (channels & -channels).bit_length() - 1)


def _law(coefficients: Array, work: Array) -> Array:
    return np.maximum(work @ coefficients, LEAST_MS)


def fit_fallback(layers: Mapping[str, Layer], latency_ms: Mapping[str, float]) -> Fallback:
    """Fits every family that has enough keys.

    Args:
        layers: one layer for each key.
        latency_ms: its latency by key. Keys absent from either, or with no latency at all, are left out.
    """
    members: dict[str, list[str]] = {}
    for key in sorted(layers):
        if latency_ms.get(key, 0.0) > LEAST_MS:
            for name in families(layers[key]):
                members.setdefault(name, []).append(key)
    work = {key: features(layer) for key, layer in layers.items()}
    places = {key: coordinates(layer) for key, layer in layers.items()}
    return Fallback(
        {
            name: _fit(*(np.array([values[k] for k in keys], np.float64) for values in (work, places, latency_ms)))
            for name, keys in sorted(members.items())
            if len(keys) >= MINIMUM
        }
    )


def _fit(work: Array, places: Array, target: Array) -> Family:
    fold = np.arange(len(target)) % FOLDS
    errors = np.empty(len(target))
    for held in range(FOLDS):
        kept, out = fold != held, fold == held
        family = _fit_once(work[kept], places[kept], target[kept])
        errors[out] = np.abs(family.estimate(work[out], places[out]) / target[out] - 1)
    return replace(_fit_once(work, places, target), error=float(errors.mean()))


def _fit_once(work: Array, places: Array, target: Array) -> Family:
    coefficients = _relative_nnls(work, target)
    spread = places.std(axis=0)
    centre, width = places.mean(axis=0), np.where(spread > 1e-9, spread, 1.0)
    return Family(
        tuple(coefficients.tolist()),
        tuple(centre.tolist()),
        tuple(width.tolist()),
        tuple(map(tuple, ((places - centre) / width).tolist())),
        tuple(np.log(target / _law(coefficients, work)).tolist()),
    )


def _relative_nnls(design: Array, target: Array) -> Array:
    """Coefficients (F,), none below 0, of the least squared relative error."""
    scale = np.maximum(design.max(axis=0), 1e-12)
    # Entries of a few nanoseconds must not dominate the fit: relative errors are weighted by a key's share of the total.
    weight = np.sqrt(target / (target + np.median(target)))
    scaled: Array = non_negative_least_squares(design / scale * (weight / target)[:, None], weight) / scale
    return scaled


def non_negative_least_squares(design: Array, target: Array) -> Array:
    """Minimises |design @ x - target| over x >= 0, by trying every set of columns: exact, for a handful of columns."""
    columns = design.shape[1]
    best, best_error = np.zeros(columns), float(target @ target)
    for count in range(1, columns + 1):
        for selected in combinations(range(columns), count):
            part = design[:, selected]
            solution = np.linalg.lstsq(part, target, rcond=None)[0]
            error = float(np.square(part @ solution - target).sum())
            if (solution >= 0).all() and error < best_error - 1e-15:
                best = np.zeros(columns)
                best[list(selected)] = solution
                best_error = error
    return best
