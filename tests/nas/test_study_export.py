"""A search as Optuna studies: Optuna reads them, and optuna-dashboard lists their trials."""

import importlib.util
import json
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import optuna
import pytest
from optuna.trial import TrialState

from hw_targets.errors import UnknownTarget
from nas.errors import UnknownRun, UnusableStudyFile
from nas.evaluations import keep_evaluations, of_target, read_evaluations
from nas.study_export import export_study
from tests.nas.evaluated import FINISHED_UNIX_S, evaluations

BOTH = {"cpu": evaluations("cpu", 8), "cpu:threads=2": evaluations("cpu:threads=2", 5, timed=False)}


def load(path: Path, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{path}")


def test_each_target_is_a_study_with_a_trial_for_each_evaluation(tmp_path: Path) -> None:
    path = tmp_path / "new" / "study.db"
    assert export_study("digits-1", BOTH, path) == {"digits-1 on cpu": 8, "digits-1 on cpu:threads=2": 5}
    study = load(path, "digits-1 on cpu")
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.metric_names == ["accuracy (INT8, validation)", "latency_ms (predicted)"]
    assert study.user_attrs == {
        "run": "digits-1", "target": "cpu", "space": "toy", "searcher": "hwnas", "seed": 7, "budget_ms": 3.0, "limit_ms": 2.9,
        "values": "estimates of a supernet",
    }  # fmt: skip
    trial = study.trials[3]
    assert trial.state is TrialState.COMPLETE and trial.values == [pytest.approx(0.703), 2.5]
    assert trial.params == {"depth": 2, "width": 1.5, "se": True, "b1.kernel": 3}
    assert trial.user_attrs == {
        "architecture_id": "a3", "seed": 7, "macs": 1003, "params": 100, "weight_bytes": 110, "peak_memory_bytes": 4096,
        "seconds": 2.0, "core_seconds": 1.5, "images": 100,
    }  # fmt: skip
    assert trial.datetime_complete == datetime.fromtimestamp(FINISHED_UNIX_S + 30)  # noqa: DTZ006
    assert trial.duration is not None and trial.duration.total_seconds() == 2.0
    assert "b1.kernel" not in study.trials[2].params and trial.params["se"] is not study.trials[0].params["se"]


def test_figures_that_an_earlier_version_did_not_keep_are_left_out(tmp_path: Path) -> None:
    export_study("r", BOTH, tmp_path / "s.db")
    trial = load(tmp_path / "s.db", "r on cpu:threads=2").trials[0]
    assert not {"seconds", "core_seconds", "images"} & set(trial.user_attrs) and trial.user_attrs["macs"] == 1000


def test_again_replaces_the_runs_studies_and_keeps_others(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    for name in ("first", "second", "second"):
        export_study(name, {"cpu": BOTH["cpu"]}, path)
    assert sorted(optuna.get_all_study_names(f"sqlite:///{path}")) == ["first on cpu", "second on cpu"]
    assert len(load(path, "second on cpu").trials) == 8


def test_a_sampler_continues_an_exported_study(tmp_path: Path) -> None:
    export_study("r", {"cpu": BOTH["cpu"]}, tmp_path / "s.db")
    study = load(tmp_path / "s.db", "r on cpu")
    trial = study.ask({"depth": optuna.distributions.CategoricalDistribution((1, 2))})
    assert trial.params["depth"] in (1, 2)


def test_another_file_is_rejected_and_left_alone(tmp_path: Path) -> None:
    notes, albums = tmp_path / "notes.db", tmp_path / "albums.db"
    notes.write_text("my notes, far from any database " * 9)
    with closing(sqlite3.connect(albums)) as connection:
        connection.execute("CREATE TABLE albums (title)")
        connection.commit()
    for path in (notes, albums):
        before = path.read_bytes()
        with pytest.raises(UnusableStudyFile):
            export_study("r", BOTH, path)
        assert path.read_bytes() == before


@pytest.mark.skipif(
    importlib.util.find_spec("optuna_dashboard") is None,
    reason="optuna-dashboard is missing: pip install optuna-dashboard",
)
def test_optuna_dashboard_lists_the_trials(tmp_path: Path) -> None:
    from optuna_dashboard import wsgi

    export_study("r", BOTH, tmp_path / "s.db")
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 's.db'}")
    served = wsgi(storage)

    def get(path: str) -> Any:
        environ: dict[str, Any] = {"PATH_INFO": path}
        setup_testing_defaults(environ)
        states: list[str] = []
        body = b"".join(served(environ, lambda status, *_: states.append(status)))
        assert states == ["200 OK"]
        return json.loads(body)

    summaries = get("/api/studies")["study_summaries"]
    assert [one["study_name"] for one in summaries] == ["r on cpu", "r on cpu:threads=2"]
    details = get(f"/api/studies/{summaries[0]['study_id']}")
    assert details["directions"] == ["maximize", "minimize"] and len(details["trials"]) == 8
    assert {trial["state"] for trial in details["trials"]} == {"Complete"}
    assert details["trials"][3]["values"] == [pytest.approx(0.703), 2.5]
    assert {"key": "architecture_id", "value": "a3"} in details["trials"][3]["user_attrs"]
    storage.engine.dispose()


def test_the_file_of_a_run_reads_back_as_it_was_written(tmp_path: Path) -> None:
    keep_evaluations(tmp_path, BOTH)
    found = read_evaluations(tmp_path)
    assert found == BOTH
    first = found["cpu"].evaluations[3].choices
    assert [type(value) for value in first.values()] == [int, float, bool, int]
    assert of_target(found, "cpu") is found["cpu"]
    with pytest.raises(UnknownTarget, match="2 targets"):
        of_target(found, None)
    with pytest.raises(UnknownTarget, match="no target 'gpu'"):
        of_target(found, "gpu")
    assert of_target({"cpu": BOTH["cpu"]}, None) is BOTH["cpu"]


@pytest.mark.parametrize("text", [None, "{", '{"cpu": {}}'])
def test_a_run_without_evaluations_is_of_another_version(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "evaluations.json").write_text(text)
    with pytest.raises(UnknownRun):
        read_evaluations(tmp_path)
