"""Closing kernel sums to end-to-end latency, against a toy target with known truth."""

import random
from dataclasses import replace

import pytest

from latency_models.calibration import Calibration, calibrate
from latency_models.entries import Entry, observe
from latency_models.errors import TooFewProfiles
from search_spaces.network import Network
from tests.latency_models.synthetic import CONSTANT_MS, PROFILER_MS, draw, profile, true_ms


def networks(seed: int, count: int) -> list[Network]:
    rng = random.Random(seed)
    return [draw(rng) for _ in range(count)]


def test_finds_the_profilers_cost_and_the_constant() -> None:
    rng = random.Random(0)
    profiles = [profile(n, rng) for n in networks(1, 60)]
    entries = observe(profiles)
    calibration, latency = calibrate(entries, profiles)
    assert calibration.terms["conv"] == pytest.approx(-PROFILER_MS, rel=0.2)
    assert calibration.constant_ms == pytest.approx(CONSTANT_MS, rel=0.25)
    layers = {layer.key: layer for p in profiles for layer in p.network.layers}
    wrong = [abs(latency[k] / true_ms(layer) - 1) for k, layer in layers.items() if layer.op == "conv"]
    assert sum(wrong) / len(wrong) < 0.06


def test_one_spoiled_network_changes_little() -> None:
    rng = random.Random(0)
    profiles = [profile(n, rng, noise=0.002) for n in networks(2, 40)]
    clean = calibrate(observe(profiles), profiles)[1]
    spoiled = [replace(p, latency_ms=p.latency_ms * (3 if i == 5 else 1)) for i, p in enumerate(profiles)]
    dirty = calibrate(observe(spoiled), spoiled)[1]
    changes = [abs(dirty[k] / clean[k] - 1) for k in clean if clean[k] > 1e-3]
    assert sum(changes) / len(changes) < 0.05


def test_latencies_are_never_negative() -> None:
    rng = random.Random(3)
    profiles = [profile(n, rng, noise=0.01) for n in networks(4, 20)]
    entries = {**observe(profiles), "never profiled in a network": Entry(0.0, (("conv", 3),), 1, 0.0)}
    calibration, latency = calibrate(entries, profiles)
    assert min(latency.values()) >= 0.0
    assert calibration.kernel_ms(entries["never profiled in a network"]) == 0.0


def test_kernel_time_by_hand() -> None:
    calibration = Calibration(0.5, {"conv": -0.25}, 1.0, 0.1, 0.1, 0.01)
    assert calibration.kernel_ms(Entry(2.0, (("add", 1), ("conv", 2)), 1, 0.0)) == 0.5
    assert Calibration.from_json(calibration.to_json()) == calibration


def test_too_few() -> None:
    with pytest.raises(TooFewProfiles, match="at least one"):
        calibrate({}, [])


def test_one_network_is_enough_to_close_its_own_sum() -> None:
    (only,) = (profile(n, random.Random(0)) for n in networks(5, 1))
    calibration, latency = calibrate(observe([only]), [only])
    total = calibration.constant_ms + sum(latency[layer.key] for layer in only.network.layers)
    assert total == pytest.approx(only.latency_ms, rel=0.02)
