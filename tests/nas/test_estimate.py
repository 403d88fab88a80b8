"""Costing a network: predicted where a table knows every key, measured else, rejected with all reasons."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hw_targets.errors import UnsupportedLayer
from hw_targets.scheme import AFFINE
from hw_targets.target import KernelSample, KernelTime, Profile, Sample, Support, TargetInfo, TimingSample
from hw_targets.weights import QuantWeights
from latency_models.errors import UnreadableTable
from latency_models.table import LatencyTable, fit
from nas.estimate import estimate, stored_tables
from nas.store import StageKey, Store
from search_spaces.builder import Graph
from search_spaces.network import Layer, Network

INFO = TargetInfo("board", "measured", "int8", "runtime 1", "a board", "f00d")


class Board:
    """A target on which every convolution takes 1 ms, and nothing else anything."""

    info = INFO
    scheme = AFFINE

    def __init__(self) -> None:
        self.measured: list[str] = []

    def supports(self, layer: Layer) -> Support:
        """All but multiplications."""
        return Support(layer.op != "mul", "" if layer.op != "mul" else "it cannot multiply")

    def lower(self, network: Network, weights: QuantWeights) -> bytes:
        """Not needed."""
        raise NotImplementedError

    def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
        """Exact samples."""
        for network in networks:
            self.measured.append(network.name)
            convolutions = [layer.name for layer in network.layers if layer.op == "conv"]
            yield KernelSample(network.id, tuple(KernelTime(name, (("Conv", 1),), 1.0) for name in convolutions))
            for number in range(rounds):
                total = float(len(convolutions))
                yield TimingSample(network.id, number, total, total + 0.1, total + 0.2, 100)

    def sample_file(self, model: bytes, *, rounds: int) -> Iterator[TimingSample]:
        """Not needed."""
        raise NotImplementedError


def network(*widths: int, gate: bool = False) -> Network:
    g = Graph((3, 8, 8))
    x = g.input
    for index, width in enumerate(widths):
        x = g.conv(f"conv{index}", x, width, kernel=3, activation="relu")
    if gate:
        x = g.mul("gate", x, g.global_avg_pool("pool", x))
    return g.network("-".join(map(str, widths)))


def profile(of: Network) -> Profile:
    layers = tuple(KernelTime(layer.name, (("Conv", 1),), 1.0) for layer in of.layers)
    return Profile(of, float(len(layers)), float(len(layers)), float(len(layers)), 0.0, layers)


@pytest.fixture(scope="module")
def table() -> LatencyTable:
    """Fitted to networks of convolutions with 4 and 8 filters."""
    widths = [(a, b, c)[:n] for a in (4, 8) for b in (4, 8) for c in (4, 8) for n in (1, 2, 3)]
    return fit([profile(network(*w)) for w in dict.fromkeys(widths)], INFO)


def test_what_a_table_knows_is_predicted(table: LatencyTable) -> None:
    target = Board()
    found = estimate(network(4, 8), target, tables=[table])
    assert (found.kind, target.measured) == ("predicted", [])
    assert found.latency_ms == pytest.approx(2.0, rel=0.02)
    assert [layer.latency_ms for layer in found.layers] == pytest.approx([1.0, 1.0], rel=0.02)
    assert (found.macs, found.params) == (64 * 9 * (3 * 4 + 4 * 8), 9 * (3 * 4 + 4 * 8) + 12)
    assert found.unseen == ()


def test_what_it_does_not_know_is_measured_or_said_to_be_estimated(table: LatencyTable) -> None:
    target = Board()
    assert estimate(network(4, 6), target, tables=[table]).kind == "measured"
    assert target.measured == ["4-6"]
    found = estimate(network(4, 6), target, tables=[table], measure=False)
    assert found.kind == "estimated"
    assert found.unseen == ("conv 4x8x8>6x8x8 k3 s1 p1,1,1,1 relu",)
    assert found.warnings


def test_without_a_table_it_is_measured() -> None:
    found = estimate(network(4, 4, 4), Board())
    assert (found.kind, found.latency_ms, found.p50_ms, found.p95_ms) == ("measured", 3.0, 3.1, 3.2)
    assert [layer.latency_ms for layer in found.layers] == [1.0, 1.0, 1.0]
    assert found.error == 0.0


def test_a_measurement_can_be_requested(table: LatencyTable) -> None:
    assert estimate(network(4, 8), Board(), tables=[table], measure=True).kind == "measured"


def test_a_prediction_without_a_table_is_an_error() -> None:
    with pytest.raises(UnreadableTable, match="No latency table of board"):
        estimate(network(4), Board(), measure=False)


def test_layers_that_cannot_run_are_all_named() -> None:
    with pytest.raises(UnsupportedLayer, match="1 of the 3 layers") as caught:
        estimate(network(4, gate=True), Board())
    assert caught.value.facts["unsupported"] == [
        {"layer": "gate", "key": "mul 4x8x8+4x1x1>4x8x8", "reason": "it cannot multiply"}
    ]


def test_tables_are_found_in_the_store_by_fingerprint(tmp_path: Path, table: LatencyTable) -> None:
    store = Store(tmp_path)
    data = json.dumps(table.to_json()).encode()
    for number, fingerprint in enumerate(("f00d", "other")):
        store.finish(StageKey("profile", number, {"fingerprint": fingerprint}), {"table": data}, seconds=1.0)
    (tmp_path / "stages" / "profile" / "torn.json").write_text("{")
    assert [t.to_json() for t in stored_tables(store, INFO)] == [table.to_json()]
    assert stored_tables(Store(tmp_path / "none"), INFO) == []
