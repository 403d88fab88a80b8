"""The benchmark of faults in its short form: a few kills of a service whose engine is the tests' fake one."""

import json

import pytest

from benchmarks import service_faults


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_nothing_is_lost(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--engine", engine, "--rounds", "4", "--work", "quick", "--between-s", "1", "--json"]
    assert service_faults.main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    summary = document["summary"]
    assert summary["accepted"] == summary["ended"] == summary["succeeded"] >= 1
    assert (summary["lost"], summary["duplicated"], summary["front_identical"]) == (0, 0, 1)
    assert summary["profile_steps_back"] == 0
    assert len(document["rows"]) == 4 and summary["attempts"] >= 2
