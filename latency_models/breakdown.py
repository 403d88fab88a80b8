"""The parts of a table's prediction of one network: a share for each layer, and the cost of a run besides its layers.

The shares add up to the prediction. Not here: how the table is fitted (`calibration.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from latency_models.additive import to_ms, to_ticks
from latency_models.entries import input_key
from latency_models.table import LatencyTable
from search_spaces.network import Layer, Network


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a prediction, in milliseconds.

    Attributes:
        name: of the layer; `constant` or `input` for parts of no layer.
        of: a layer; the kernels outside of layers, such as a change of the input's layout; or the run itself.
        latency_ms: the part. A layer's is `profiled_ms + terms_ms + correction_ms`.
        kind: `estimated` for a layer whose key was never measured.
        profiled_ms: time of its kernels under the profiler, scaled; None where the key was never measured.
        terms_ms: what the calibration adds for each kernel; most often below 0, since it is the profiler's own cost.
        correction_ms: the key's correction from whole networks, with the cut at 0 and rounding to ticks of 10 ns.
    """

    name: str
    of: Literal["layer", "input", "constant"]
    latency_ms: float
    kind: Literal["predicted", "estimated"]
    profiled_ms: float | None = None
    terms_ms: float | None = None
    correction_ms: float | None = None


def shares(table: LatencyTable, network: Network) -> tuple[Share, ...]:
    """The parts of `table.predict(network).latency_ms`: the constant, the input, then the layers in network order."""
    return tuple(_shares(table, network))


def _shares(table: LatencyTable, network: Network) -> Iterator[Share]:
    yield Share("constant", "constant", to_ms(to_ticks(table.calibration.constant_ms)), "predicted")
    key = input_key(network.input_shape)
    if key in table.entries:
        yield _measured(table, "input", "input", key, to_ms(to_ticks(table.entries[key].latency_ms)))
    for layer in network.layers:
        yield _of_layer(table, layer)


def _of_layer(table: LatencyTable, layer: Layer) -> Share:
    latency_ms = table.layer_ms(layer)
    if not table.knows(layer):
        return Share(layer.name, "layer", latency_ms, "estimated")
    return _measured(table, layer.name, "layer", layer.key, latency_ms)


def _measured(table: LatencyTable, name: str, of: Literal["layer", "input"], key: str, latency_ms: float) -> Share:
    entry, calibration = table.entries[key], table.calibration
    profiled = calibration.scale * entry.raw_ms
    terms = sum(calibration.terms.get(kind, 0.0) * count for kind, count in entry.kernels)
    return Share(name, of, latency_ms, "predicted", profiled, terms, latency_ms - profiled - terms)
