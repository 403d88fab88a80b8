"""A short form of the benchmark: few items and workers."""

import json

import pytest

from benchmarks import scaling


def test_short_form(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--evaluations", "4", "--items", "10", "--workers", "2", "--each", "10", "--empty", "200", "--rounds", "1"]
    assert scaling.main([*few, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    summary, rows = document["summary"], document["rows"]
    assert [(row["part"], row["executor"], row["workers"], row["items"]) for row in rows] == [
        ("evaluations", "processes", 1, 4), ("evaluations", "processes", 2, 4),
        ("overhead", "processes", 2, 10), ("overhead", "ray", 2, 10),
        ("cluster", "ray", 1, 10), ("cluster", "ray", 2, 20), ("cluster", "ray, items do nothing", 2, 200),
        ("saturation", "none, workers answer at once", 64, 200),
    ]  # fmt: skip
    for row in rows:
        assert row["items_a_second"] == pytest.approx(row["items"] / row["seconds"])
    assert 0 < summary["efficiency_2"] <= 1 and summary["efficiency_2"] == rows[5]["efficiency"]
    assert summary["ray_overhead"] == pytest.approx(rows[3]["seconds"] / rows[2]["seconds"] - 1)
    assert summary["evaluations_speedup"] == pytest.approx(rows[0]["seconds"] / rows[1]["seconds"])
    assert summary["ray_saturation_items_a_second"] < summary["dispatch_saturation_items_a_second"]
