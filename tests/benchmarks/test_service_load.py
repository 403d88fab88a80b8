"""The benchmark of load in its short form: few jobs, few seconds, no bar on time."""

import json

import pytest

from benchmarks import service_load


def test_all_parts_run_and_no_event_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--jobs",
        "300",
        "--rate",
        "20",
        "--seconds",
        "4",
        "--clients",
        "10",
        "--stream-seconds",
        "6",
        "--json",
    ]
    assert service_load.main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    summary = document["summary"]
    assert (summary["jobs"], summary["requests"], summary["errors"]) == (300, 80, 0)
    assert summary["sse_events"] > 10 and (summary["sse_lost"], summary["sse_duplicated"]) == (0, 0)
    assert summary["saturation_rps"] > 0 and summary["bare_rps"] > 0 and summary["p99_ms"] >= summary["p50_ms"]
    assert {row["request"] for row in document["rows"]} <= {"list", "get", "events", "create"}
