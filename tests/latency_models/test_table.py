"""Fitting latency tables, predicting with them, and their JSON."""

import json
import random

import pytest

from hw_targets.target import KernelTime, Profile
from latency_models.additive import to_ticks
from latency_models.coverage import choose
from latency_models.errors import TooFewProfiles, UnreadableTable
from latency_models.table import FOLDS, LatencyTable, fit
from search_spaces.builder import Graph
from tests.latency_models.synthetic import INFO, draw, profile


@pytest.fixture(scope="module")
def table() -> LatencyTable:
    rng = random.Random(0)
    selected = choose([draw(rng) for _ in range(300)], 40)
    fitted = [profile(n, rng, noise=0.005, kernel_noise=0.02) for n in selected]
    return fit(fitted, INFO, held_out=[profile(draw(rng), rng, noise=0.005) for _ in range(60)])


def test_predicts_networks_it_never_saw(table: LatencyTable) -> None:
    assert table.accuracy_report.mape < 0.012
    assert table.accuracy_report.within_10 == 1.0
    assert table.accuracy_report.kendall_tau is not None
    assert table.accuracy_report.kendall_tau > 0.95
    assert (table.accuracy_report.fitted, table.accuracy_report.tested) == (40, 60)


def test_prediction_adds_up_in_ticks(table: LatencyTable) -> None:
    network = draw(random.Random(9))
    prediction = table.predict(network)
    assert prediction.kind == "predicted"
    assert prediction.unseen == ()
    assert prediction.error == pytest.approx(table.accuracy_report.mape)
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
    assert prediction.error > table.accuracy_report.mape


def test_cross_validated_card_when_nothing_is_held_out() -> None:
    rng = random.Random(1)
    profiles = [profile(draw(rng), rng, noise=0.005) for _ in range(40)]
    table = fit(profiles, INFO)
    keys = [{layer.key for layer in p.network.layers} for p in profiles]
    elsewhere = [set[str]().union(*(held for j, held in enumerate(keys) if j % FOLDS != i % FOLDS)) for i in range(40)]
    assert table.accuracy_report.method == "cross_validated"
    assert table.accuracy_report.tested == sum(own <= others for own, others in zip(keys, elsewhere, strict=True)) == 38
    assert table.accuracy_report.mape < 0.05


def chain(width: int, depth: int) -> Profile:
    """Convolutions to `width` channels, each 0.1 ms for a channel and 1 ms the first: 2.2 ms for a width of 4 and a depth of 3."""
    g = Graph((3, 8, 8))
    x = g.conv("stem", g.input, width)
    for number in range(1, depth):
        x = g.conv(str(number), x, width)
    layers = [1.0 + 0.1 * width, *[0.1 * width] * (depth - 1)]
    kernels = [KernelTime(x.name, (("conv", 1),), ms) for x, ms in zip(g.layers, layers, strict=True)]
    return Profile(g.network("chain"), sum(layers), sum(layers), sum(layers), 0.0, tuple(kernels))


def test_a_small_space_is_fitted_whole_and_evaluated_by_what_it_can_spare() -> None:
    # Every key of width 4 is in two networks at least, so each of the three can be spared. The network of width 8 cannot:
    # no other says what its layers cost.
    profiles = [chain(4, 1), chain(4, 2), chain(4, 3), chain(8, 2)]
    table = fit(profiles, INFO)
    assert (table.accuracy_report.method, table.accuracy_report.fitted, table.accuracy_report.tested) == (
        "cross_validated",
        4,
        3,
    )
    assert table.accuracy_report.within_10 == 1.0
    for one in profiles:
        assert table.predict(one.network).latency_ms == pytest.approx(one.latency_ms, rel=0.01)


@pytest.mark.parametrize("profiles", [[chain(4, 3)], [chain(4, 3), chain(8, 3)]])
def test_where_no_network_can_be_spared_the_fitted_ones_are_evaluated(profiles: list[Profile]) -> None:
    table = fit(profiles, INFO)
    assert (table.accuracy_report.method, table.accuracy_report.tested) == ("fitted", len(profiles))
    assert table.accuracy_report.mape < 0.01


def test_report_leaves_out_fitted_networks(table: LatencyTable) -> None:
    rng = random.Random(2)
    fitted = [profile(draw(rng), rng) for _ in range(12)]
    small = fit(fitted, INFO)
    fresh = profile(draw(random.Random(77)), rng)
    assert small.report([*fitted, fresh]).tested == 1
    with pytest.raises(TooFewProfiles):
        small.report(fitted)


def test_too_few_profiles() -> None:
    with pytest.raises(TooFewProfiles, match="at least one"):
        fit([], INFO)


def test_it_is_the_same_after_json(table: LatencyTable) -> None:
    document = json.loads(json.dumps(table.to_json()))
    again = LatencyTable.from_json(document)
    assert again == table
    network = draw(random.Random(5))
    assert again.predict(network) == table.predict(network)
    assert (document["batch"], document["precision"], document["units"]) == (1, "int8", {"latency": "ms"})


@pytest.mark.parametrize("change", [{"schema": 99}, {"format": "else"}, {"entries": None}, {"target": {}}])
def test_what_is_no_table_is_rejected(table: LatencyTable, change: dict[str, object]) -> None:
    with pytest.raises(UnreadableTable):
        LatencyTable.from_json({**table.to_json(), **change})


def test_what_is_no_mapping_is_rejected() -> None:
    with pytest.raises(UnreadableTable):
        LatencyTable.from_json([])
