"""Fitting, predicting and keeping latency tables."""

import json
import random
from pathlib import Path

import pytest

from latency_models.additive import to_ticks
from latency_models.coverage import choose
from latency_models.errors import TableMismatch, TooFewProfiles, UnreadableTable
from latency_models.table import LatencyTable, fit, load
from search_spaces.builder import Graph
from tests.latency_models.synthetic import INFO, draw, profile


@pytest.fixture(scope="module")
def table() -> LatencyTable:
    rng = random.Random(0)
    chosen = choose([draw(rng) for _ in range(300)], 40)
    fitted = [profile(n, rng, noise=0.005, kernel_noise=0.02) for n in chosen]
    return fit(fitted, INFO, held_out=[profile(draw(rng), rng, noise=0.005) for _ in range(60)])


def test_predicts_networks_it_never_saw(table: LatencyTable) -> None:
    assert table.card.mape < 0.012
    assert table.card.within_10 == 1.0
    assert table.card.kendall_tau is not None
    assert table.card.kendall_tau > 0.95
    assert (table.card.fitted, table.card.tested) == (40, 60)


def test_prediction_adds_up_in_ticks(table: LatencyTable) -> None:
    network = draw(random.Random(9))
    prediction = table.predict(network)
    assert prediction.kind == "predicted"
    assert prediction.unseen == ()
    assert prediction.error == pytest.approx(table.card.mape)
    total = table.cost().base(network.input_shape) + sum(map(to_ticks, prediction.layers.values()))
    assert to_ticks(prediction.latency_ms) == total == table.cost().of(network)
    assert list(prediction.layers) == [layer.name for layer in network.layers]
    assert table.layer_ms(network.layers[0]) == prediction.layers["stem"]


def test_unseen_keys_are_estimated_and_named(table: LatencyTable) -> None:
    g = Graph((3, 32, 32))
    g.conv("odd", g.conv("stem", g.input, 16, kernel=3, stride=2, activation="relu6"), 56)
    prediction = table.predict(g.network("odd"))
    assert prediction.kind == "estimated"
    assert prediction.unseen == (g.layers[1].key,)
    assert prediction.layers["odd"] > 0
    assert prediction.error > table.card.mape


def test_cross_validated_card_when_nothing_is_held_out() -> None:
    rng = random.Random(1)
    table = fit([profile(draw(rng), rng, noise=0.005) for _ in range(40)], INFO)
    assert table.card.method == "cross_validated"
    assert table.card.tested == 40
    assert table.card.mape < 0.05


def test_report_leaves_out_fitted_networks(table: LatencyTable) -> None:
    rng = random.Random(2)
    fitted = [profile(draw(rng), rng) for _ in range(12)]
    small = fit(fitted, INFO)
    fresh = profile(draw(random.Random(77)), rng)
    assert small.report([*fitted, fresh]).tested == 1
    with pytest.raises(TooFewProfiles):
        small.report(fitted)


def test_too_few_profiles() -> None:
    rng = random.Random(3)
    with pytest.raises(TooFewProfiles):
        fit([profile(draw(rng), rng) for _ in range(4)], INFO)


def test_save_and_load(table: LatencyTable, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    table.save(path)
    again = load(path, INFO.fingerprint)
    assert again == table
    network = draw(random.Random(5))
    assert again.predict(network) == table.predict(network)
    document = json.loads(path.read_text())
    assert (document["batch"], document["precision"], document["units"]) == (1, "int8", {"latency": "ms"})
    assert [p.name for p in tmp_path.iterdir()] == ["table.json"], "nothing half-written is left"


def test_refuses_another_fingerprint(table: LatencyTable, tmp_path: Path) -> None:
    table.save(tmp_path / "t.json")
    with pytest.raises(TableMismatch, match="Profile the target again") as caught:
        load(tmp_path / "t.json", "beef")
    assert caught.value.facts == {"table": "f00d", "target": "beef"}


@pytest.mark.parametrize("change", [{"schema": 99}, {"format": "else"}, {"entries": None}, {"target": {}}])
def test_refuses_what_it_cannot_read(table: LatencyTable, tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps({**table.to_json(), **change}))
    with pytest.raises(UnreadableTable):
        load(path)


def test_refuses_no_file_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(UnreadableTable):
        load(tmp_path / "absent.json")
    (tmp_path / "t.json").write_bytes(b"\x80\x04pickle")
    with pytest.raises(UnreadableTable):
        load(tmp_path / "t.json")
