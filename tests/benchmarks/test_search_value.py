"""The benchmark of a search's value: its statistics by hand, training in a winner's rounds, and a short form on a simulated board."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import search_value
from benchmarks.photo_sets import as_folder
from benchmarks.search_value import expected_best, random_finalists, summary, trained_alike
from nas.errors import InvalidSpec
from nas.job import Job
from nas.prepare_job import prepare_job
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.tournament import play
from tests.nas import boards
from tests.nas.stages import jobs
from tests.work import LITTLE

WORK = LITTLE.model_copy(update={"supernet_images": 128, "evaluations": 3, "finalists": 2, "tune_images": 64})


def test_the_expected_best_of_four_by_hand() -> None:
    # Of the 5 choices of four out of five, 4 have the network with the best validation accuracy; the next is the best of the other.
    networks = [(0.9, 0.88), (0.5, 0.51), (0.8, 0.79), (0.6, 0.99), (0.7, 0.7)]
    assert expected_best(networks) == pytest.approx((4 * 0.88 + 0.79) / 5)
    assert expected_best(networks, of=1) == pytest.approx((0.88 + 0.51 + 0.79 + 0.99 + 0.7) / 5)
    assert expected_best(networks, of=5) == 0.88
    assert expected_best(networks[:3]) is None


def test_networks_of_equal_validation_accuracy_are_chosen_equally_often() -> None:
    # two share the first rank: each is chosen in half of the choices that have one of them, or both
    networks = [(0.5, 0.1), (0.6, 0.2), (0.7, 0.3), (0.9, 0.8), (0.9, 0.6)]
    assert expected_best(networks) == pytest.approx(0.7)


def test_the_summary_by_hand() -> None:
    first: dict[str, Any] = {
        "accuracy": 0.9, "latency_ms": 1.0, "random_accuracy": 0.88, "random_latency_ms": 0.9, "gain_points": 2.0,
        "best_of_four_accuracy": None, "gain_over_best_of_four_points": None, "search_core_seconds": 100.0,
        "core_seconds": 10.0, "random_core_seconds": None, "evaluations": 0, "finalists": 2,
    }  # fmt: skip
    one = summary([first])
    assert one["gain_points"] == 2.0 and one["gain_interval_points"] is None
    assert one["best_of_four_accuracy"] is None and one["gain_over_best_of_four_interval_points"] is None
    three = summary([{**first, "gain_points": gain, "core_seconds": 10 * gain} for gain in (1.0, 2.0, 3.0)])
    assert three["gain_points"] == 2.0 and three["core_seconds"] == 20.0 and three["seeds"] == 3
    assert three["gain_interval_points"] == pytest.approx(2.4843, abs=1e-3)  # 4.303 / sqrt(3)


def test_random_networks_lie_in_the_band(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boards.install(monkeypatch)
    run = jobs.run_of(*jobs.with_target_plans(tmp_path))
    budget_ms = run.target_plan.budget_ms
    found = random_finalists(run, 6)
    assert len({one.architecture.id for one in found}) == 6
    for one in found:
        assert 0.9 * budget_ms <= sum(map(boards.layer_ms, one.network.layers)) <= budget_ms
    assert found[:4] == random_finalists(run, 4), "fewer are the first of more, so that their trainings are reused"
    with pytest.raises(InvalidSpec, match="100000 were requested"):
        random_finalists(run, 100_000)


def test_a_network_alone_is_trained_as_the_winner_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boards.install(monkeypatch)
    context, job = jobs.with_target_plans(tmp_path, work=WORK.model_dump())
    run = jobs.run_of(context, job)
    finalists = random_finalists(run, 3)
    ranked = play(run, finalists)
    best = ranked[0]
    alone = trained_alike(run, best.finalist, None, best.images, len(finalists))
    assert (alone.weights, alone.images) == (best.weights, best.images)
    other = trained_alike(run, ranked[-1].finalist, None, best.images, len(finalists))
    assert other.images == best.images and other.weights != best.weights


def test_fewer_images_of_an_archive_keep_its_test_set(tmp_path: Path) -> None:
    labels = np.arange(40) % 4
    images = np.arange(40, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    folder = tmp_path / "set"
    folder.mkdir()
    np.savez(folder / "set.npz", train_x=images, train_y=labels, test_x=images[:8], test_y=labels[:8])
    assert as_folder(folder, tmp_path) == str(folder)
    fewer = np.load(as_folder(folder, tmp_path, images=12))
    assert np.bincount(fewer["train_y"]).tolist() == [3, 3, 3, 3] and len(fewer["train_x"]) == 12
    assert (fewer["train_x"][:, 0, 0] % 4 == fewer["train_y"]).all() and len(fewer["test_x"]) == 8


def test_short_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    boards.install(monkeypatch)

    def little(context: Context, spec: SearchSpec) -> Job:
        return prepare_job(context, spec.model_copy(update={"work": WORK, "threads": 1}))

    monkeypatch.setattr(search_value, "prepare_job", little)
    command = [
        "--data", "digits", "--space", "resnet", "--random", "4", "--seeds", "2", "--target", "board",
        "--kept", str(tmp_path / "kept"), "--json",
    ]  # fmt: skip
    assert search_value.main(command) == 0
    document = json.loads(capsys.readouterr().out)
    rows, found = document["rows"], document["summary"]
    assert document["benchmark"] == "search_value" and found["seeds"] == 2
    assert [row["network"] for row in rows] == 2 * ["exported", "random 1", "random 2", "random 3", "random 4"]
    for first in (0, 5):
        exported, others = rows[first], rows[first + 1 : first + 5]
        average = sum(row["accuracy"] for row in others) / 4
        assert exported["gain_points"] == pytest.approx(100 * (exported["accuracy"] - average))
        best = max(others, key=lambda row: row["validation"])  # of four, there is one choice
        tied = [row["accuracy"] for row in others if row["validation"] == best["validation"]]
        assert exported["best_of_four_accuracy"] == pytest.approx(sum(tied) / len(tied))
        assert exported["latency_ms"] <= exported["budget_ms"]
        assert exported["evaluations"] == 3 and exported["finalists"] <= 2
        for row in others:
            assert 0.9 * row["budget_ms"] <= row["latency_ms"] <= row["budget_ms"]
            assert row["images_seen"] == exported["images_seen"] and row["core_seconds"] > 0
        assert exported["search_core_seconds"] > exported["core_seconds"] > 0
    assert found["gain_points"] == pytest.approx((rows[0]["gain_points"] + rows[5]["gain_points"]) / 2)
    assert found["gain_interval_points"] >= 0

    assert search_value.main(command) == 0, "again: everything is cached, costs included"
    again = json.loads(capsys.readouterr().out)
    assert (again["rows"], again["summary"]) == (rows, found) and again["seconds"] < document["seconds"]
