"""The benchmark of the dashboard in its short form: few jobs and candidates, seconds of a live page, bars that a busy machine keeps."""

import json

import pytest

from api.dashboard_files import DIST
from api.testing.browser import CHROMIUM, HINT, MISSING
from benchmarks import dashboard


def test_all_parts_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    if CHROMIUM is None:
        pytest.skip(HINT)
    if not (DIST / "index.html").exists():
        pytest.skip(MISSING)
    assert dashboard.main(["--jobs", "100", "--candidates", "10000", "--minutes", "0.2", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert summary["first_view_gzip_bytes"] < 250_000
    assert 0 < summary["first_view_ms"] < 1500
    assert (summary["candidates"], summary["updates"]) == (10_000, dashboard.UPDATES)
    assert 0 < summary["update_p50_ms"] < 100
    assert summary["still_live"] == 1 and summary["heap_bytes"] > 0
