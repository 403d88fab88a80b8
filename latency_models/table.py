"""The latency table of one target: fitted to in-situ profiles, used for predictions, written as JSON values.

Latency is a sum over layers of what each layer key costs, so the table compiles over a space (`compiled.py`). How it
is fitted is in `entries.py`, `calibration.py` and `regression.py`; how accurate it is, in `accuracy_report.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Final, Literal

from hw_targets.target import Profile, TargetInfo
from latency_models.accuracy_report import AccuracyReport, Method, report_accuracy
from latency_models.additive import AdditiveCost, to_ms, to_ticks
from latency_models.calibration import Calibration, calibrate
from latency_models.entries import Entry, Kernels, input_key, layers_by_key, observe
from latency_models.errors import UnreadableTable
from latency_models.regression import Fallback, fit_fallback
from search_spaces.network import Layer, Network, Shape

SCHEMA: Final = 2
FORMAT: Final = "hwnas latency table"
FOLDS: Final = 5
LEAVE_ONE_OUT: Final = 32
"""Cross-validation has as many folds as networks up to this many: small spaces have no network to spare."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's predicted latency of a network, at its target's batch.

    Attributes:
        latency_ms: the sum of `layers` and of the cost of a run besides.
        kind: `predicted` when every layer's key was measured, else `estimated`.
        error: relative error to expect, a fraction: the accuracy report's mean, mixed with the fallback's own by its share
            of the latency.
        layers: ms of each layer by name, in network order.
        unseen: keys that were never measured, in the order they first occur.
    """

    latency_ms: float
    kind: Literal["predicted", "estimated"]
    error: float
    layers: Mapping[str, float]
    unseen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyLatency:
    """One layer key of a table: its calibrated latency, and the observations behind it (`entries.Entry`)."""

    latency_ms: float
    raw_ms: float
    kernels: Kernels
    count: int
    spread: float


@dataclass(frozen=True)
class LatencyTable:
    """Latencies by layer key on one target, at its batch.

    Attributes:
        info: the target; the table is valid for its fingerprint only.
        entries: by `Layer.key`, and by `entries.input_key` for kernels outside of layers.
        calibration: how raw kernel times became latencies.
        fallback: for keys that were never measured.
        accuracy_report: on networks that were not fitted.
        fitted: ids of the networks it was fitted on.
    """

    info: TargetInfo
    entries: Mapping[str, KeyLatency]
    calibration: Calibration
    fallback: Fallback
    accuracy_report: AccuracyReport
    fitted: tuple[str, ...]

    def layer_ms(self, layer: Layer) -> float:
        """Latency of one layer, measured key or not."""
        return to_ms(self._layer_ticks(layer))

    def predict(self, network: Network) -> Prediction:
        """Latency of one network; exact sums of ticks of 10 ns, so equal to the compiled table's."""
        ticks: dict[str, int] = {}
        unseen: dict[str, None] = {}
        known_ms = to_ms(self._base_ticks(network.input_shape))
        doubtful_ms = 0.0
        for layer in network.layers:
            key = layer.key
            ticks[layer.name] = self._key_ticks(key, layer)
            if key in self.entries:
                known_ms += to_ms(ticks[layer.name])
            else:
                unseen[key] = None
                doubtful_ms += to_ms(ticks[layer.name]) * self.fallback.estimate(layer)[1]
        total = to_ms(self._base_ticks(network.input_shape) + sum(ticks.values()))
        error = (
            (max(0.0, known_ms) * self.accuracy_report.mape + doubtful_ms) / total
            if total > 0
            else self.accuracy_report.mape
        )
        layers = {name: to_ms(count) for name, count in ticks.items()}
        return Prediction(total, "estimated" if unseen else "predicted", error, layers, tuple(unseen))

    def knows(self, layer: Layer) -> bool:
        """Whether the layer's key was measured; if not, it is estimated."""
        return layer.key in self.entries

    def cost(self) -> AdditiveCost:
        """The table as an additive cost in ticks of 10 ns."""
        return AdditiveCost("latency in ticks of 10 ns", self._layer_ticks, self._base_ticks)

    def report(self, profiles: Sequence[Profile]) -> AccuracyReport:
        """An accuracy report on profiles of networks that were not fitted.

        Raises:
            TooFewProfiles: all these networks were fitted.
        """
        known = set(self.fitted)
        return _report(self, [p for p in profiles if p.network.id not in known], len(self.fitted), "held_out")

    @cached_property
    def _ticks(self) -> dict[str, int]:
        return {key: to_ticks(entry.latency_ms) for key, entry in self.entries.items()}

    def _layer_ticks(self, layer: Layer) -> int:
        return self._key_ticks(layer.key, layer)

    def _key_ticks(self, key: str, layer: Layer) -> int:
        ticks = self._ticks.get(key)
        if ticks is None:
            ticks = self._ticks[key] = to_ticks(self.fallback.estimate(layer)[0])
        return ticks

    def _base_ticks(self, input_shape: Shape) -> int:
        return to_ticks(self.calibration.constant_ms) + self._ticks.get(input_key(input_shape), 0)

    def to_json(self) -> dict[str, Any]:
        """The table as plain JSON values, with its schema, units, batch and precision."""
        return {
            "format": FORMAT,
            "schema": SCHEMA,
            "units": {"latency": "ms"},
            "batch": self.info.batch,
            "precision": self.info.precision,
            "target": {name: value for name, value in asdict(self.info).items() if name != "batch"},
            "fitted": list(self.fitted),
            "accuracy_report": self.accuracy_report.to_json(),
            "calibration": self.calibration.to_json(),
            "fallback": self.fallback.to_json(),
            "entries": {key: {**asdict(entry), "kernels": dict(entry.kernels)} for key, entry in self.entries.items()},
        }

    @staticmethod
    def from_json(document: Any) -> "LatencyTable":
        """The inverse of `to_json`.

        Raises:
            UnreadableTable: the document is no table, or one of another schema.
        """
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise UnreadableTable("This is no latency table.", fix="Give a document of `LatencyTable.to_json`.")
        if document.get("schema") != SCHEMA:
            raise UnreadableTable(
                f"This latency table has schema {document.get('schema')!r}; this version reads {SCHEMA}.",
                fix="Profile the target again with this version.",
                facts={"schema": str(document.get("schema")), "expected": SCHEMA},
            )
        try:
            return LatencyTable(
                info=TargetInfo(**document["target"], batch=document["batch"]),
                entries={
                    key: KeyLatency(**{**entry, "kernels": tuple(sorted(entry["kernels"].items()))})
                    for key, entry in document["entries"].items()
                },
                calibration=Calibration.from_json(document["calibration"]),
                fallback=Fallback.from_json(document["fallback"]),
                accuracy_report=AccuracyReport.from_json(document["accuracy_report"]),
                fitted=tuple(document["fitted"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UnreadableTable(
                f"This latency table is incomplete: {error}.", fix="Give a document of `LatencyTable.to_json`."
            ) from error


def fit(
    profiles: Sequence[Profile],
    info: TargetInfo,
    *,
    held_out: Sequence[Profile] = (),
    entries: Mapping[str, Entry] | None = None,
) -> LatencyTable:
    """Fits a table to profiles.

    Args:
        profiles: the networks to fit, measured on one target; 30 or more that `coverage.choose` selected, or all
            of a small space.
        info: that target.
        held_out: profiles for the accuracy report only. Without any, the report is cross-validated: each network is predicted
            by a table that was fitted without it. Networks with a layer key that this table has not measured are left out of
            the report; where that leaves none, it is of the fitted networks themselves.
        entries: raw times by key, measured otherwise (for example operators alone); by default those of `profiles`.

    Raises:
        TooFewProfiles: there are no profiles.
    """
    table = _fit(profiles, info, entries)
    if held_out:
        return replace(table, accuracy_report=table.report(held_out))
    accuracy_report = _cross_validate(profiles, info, entries) or _report(table, profiles, len(profiles), "fitted")
    return replace(table, accuracy_report=accuracy_report)


def _fit(profiles: Sequence[Profile], info: TargetInfo, given: Mapping[str, Entry] | None) -> LatencyTable:
    entries = observe(profiles) if given is None else given
    calibration, latency = calibrate(entries, profiles)
    return LatencyTable(
        info=info,
        entries={key: KeyLatency(latency[key], e.raw_ms, e.kernels, e.count, e.spread) for key, e in entries.items()},
        calibration=calibration,
        fallback=fit_fallback(layers_by_key(profiles), latency),
        accuracy_report=_NO_REPORT,
        fitted=tuple(profile.network.id for profile in profiles),
    )


_NO_REPORT: Final = AccuracyReport(0.0, 0.0, 0.0, 0.0, None, None, 0.0, 0, 0, "held_out")


def _cross_validate(
    profiles: Sequence[Profile], info: TargetInfo, entries: Mapping[str, Entry] | None
) -> AccuracyReport | None:
    """The report of networks predicted without themselves, or None where no other networks have their layers."""
    count = len(profiles)
    folds = count if count <= LEAVE_ONE_OUT else FOLDS
    predicted: list[tuple[float, Profile]] = []
    for fold in range(folds if count > 1 else 0):
        rest = [profile for index, profile in enumerate(profiles) if index % folds != fold]
        table = _fit(rest, info, entries)
        for profile in profiles[fold::folds]:
            prediction = table.predict(profile.network)
            if not prediction.unseen:
                predicted.append((prediction.latency_ms, profile))
    if not predicted:
        return None
    return report_accuracy(
        [latency_ms for latency_ms, _ in predicted],
        [profile.latency_ms for _, profile in predicted],
        [profile.noise for _, profile in predicted],
        fitted=count,
        method="cross_validated",
    )


def _report(table: LatencyTable, profiles: Sequence[Profile], fitted: int, method: Method) -> AccuracyReport:
    return report_accuracy(
        [table.predict(profile.network).latency_ms for profile in profiles],
        [profile.latency_ms for profile in profiles],
        [profile.noise for profile in profiles],
        fitted=fitted,
        method=method,
    )
