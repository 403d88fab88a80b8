"""A finished search as Optuna studies in an SQLite file, which `optuna-dashboard` and any program of Optuna's open.

One study for each target; a trial for each evaluated architecture. Not here: where the evaluations come from (`nas/evaluations.py`).
"""

import sqlite3
import warnings
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nas.errors import UnusableStudyFile
from nas.evaluations import Evaluation, TargetEvaluations
from nas.files import writing_is_typed

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

COSTS: Final = ("macs", "params", "weight_bytes", "peak_memory_bytes")
MEASURED: Final = ("seconds", "core_seconds", "images")


def export_study(run: str, found: Mapping[str, TargetEvaluations], path: Path) -> dict[str, int]:
    """Writes a study for each target of a run; one of the same name is replaced, others in the file stay.

    Args:
        run: its name, the beginning of the studies' names.
        found: the evaluations by target.
        path: of the SQLite file; made where it is absent.

    Returns:
        The number of trials by the studies' names.

    Raises:
        UnusableStudyFile: the file is no SQLite storage of Optuna's, or of a version that is not installed.
        UnwritableFolder, OutOfSpace: it cannot be written.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with writing_is_typed():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    storage = _storage(path)
    written = {}
    for target, one in found.items():
        name = f"{run} on {target}"
        if name in optuna.get_all_study_names(storage):
            optuna.delete_study(study_name=name, storage=storage)
        study = optuna.create_study(study_name=name, storage=storage, directions=["maximize", "minimize"])
        _describe(study, run, one)
        study.add_trials([_trial(one, evaluation) for evaluation in one.evaluations])
        written[name] = len(one.evaluations)
    storage.engine.dispose()
    return written


def _storage(path: Path) -> "RDBStorage":
    """Optuna's storage in a file that is empty or one already."""
    from optuna.storages import RDBStorage

    try:
        with closing(sqlite3.connect(path)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and "studies" not in tables:
            raise sqlite3.DatabaseError("its tables are another program's")
        return RDBStorage(f"sqlite:///{path.resolve()}")
    except (sqlite3.DatabaseError, RuntimeError) as error:  # RuntimeError: another version of Optuna made it
        raise UnusableStudyFile(
            f"{path} is no SQLite file of the installed Optuna's: {error}.",
            fix="Name another file: --out FILE.db.",
            facts={"file": str(path)},
        ) from error


def _describe(study: "Study", run: str, one: TargetEvaluations) -> None:
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names([f"{one.metric} (INT8, validation)", "latency_ms (predicted)"])
    about = one.model_dump(mode="json", include={"target", "space", "searcher", "seed", "budget_ms", "limit_ms"})
    values = "estimates of a supernet" if one.supernet else "trained networks"
    for name, value in {"run": run, **about, "values": values}.items():
        study.set_user_attr(name, value)


def _trial(one: TargetEvaluations, evaluation: Evaluation) -> "FrozenTrial":
    """A trial with the choices that are active in the architecture. Without a known time it begins and ends when it is exported."""
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    figures = {name: getattr(evaluation, name) for name in (*COSTS, *MEASURED)}
    known = {name: value for name, value in figures.items() if value is not None}
    trial = create_trial(
        params=evaluation.choices,
        distributions={name: CategoricalDistribution(one.options[name]) for name in evaluation.choices},
        values=[evaluation.value, evaluation.latency_ms],
        user_attrs={"architecture_id": evaluation.architecture_id, "seed": one.seed, **known},
    )
    if evaluation.finished_unix_s is not None and evaluation.seconds is not None:
        trial.datetime_complete = datetime.fromtimestamp(evaluation.finished_unix_s)  # noqa: DTZ006 - Optuna's are local
        trial.datetime_start = trial.datetime_complete - timedelta(seconds=evaluation.seconds)
    return trial
