"""A short form of the benchmark: two data sets, two spaces and three targets with the least work."""

import json

import pytest

from benchmarks import batch


def test_short_form(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--networks", "8", "--rounds", "1", "--supernet-images", "256", "--evaluations", "2", "--finalists", "1"]
    simulated = ["--targets", "alveo-u50lv:dwc", "alveo-u55c:dwc", "alveo-u55c:dwc,tenants=2"]
    spaces = ["--spaces", "resnet", "resnet:block=bottleneck"]
    assert batch.main([*few, *simulated, *spaces, "--tune-images", "128", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert (summary["cells"], summary["succeeded"]) == (12, 12)
    assert (summary["supernet_trainings"], summary["latency_tables"]) == (4, 6)
    assert summary["report_differences"] == 0 and summary["report_figures"] > 200
    assert summary["core_seconds"] < summary["core_seconds_separate"]
