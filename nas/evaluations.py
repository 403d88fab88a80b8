"""Every evaluation of a finished search, as a file of its run: what pictures of it and exports to other tools read.

`evaluations.json` has, by target, the choices of the space and each evaluated architecture with its value, costs, time and seed. Not
here: who evaluates (`nas/search/study.py`), who reads (`nas/study_export.py`, `nas/plot/`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import Field, TypeAdapter, ValidationError

from hw_targets.errors import UnknownTarget
from nas.errors import UnknownRun
from nas.events import FrontPoint
from nas.files import write_atomically
from nas.frozen import FrozenModel
from nas.spec import MetricName
from search_spaces.space import Value

FILE: Final = "evaluations.json"


class Evaluation(FrozenModel):
    """One architecture as it was evaluated; times are null where an earlier version evaluated it."""

    architecture_id: str
    choices: dict[str, Value] = Field(description="by name; inactive ones are left out")
    value: float = Field(description="the search's metric in INT8 on the validation set")
    latency_ms: float = Field(description="predicted, batch 1, INT8")
    macs: int
    params: int
    weight_bytes: int
    peak_memory_bytes: int
    seconds: float | None = None
    core_seconds: float | None = None
    finished_unix_s: float | None = None
    images: int | None = Field(None, description="that it was evaluated on")


class TargetEvaluations(FrozenModel):
    """All evaluations of one target, in their order, each architecture once."""

    target: str
    space: str
    metric: MetricName
    searcher: str
    seed: int = Field(description="of the search; of every evaluation, too")
    budget_ms: float
    limit_ms: float
    supernet: bool = Field(description="whether values are a supernet's estimates; else the networks were trained")
    options: dict[str, tuple[Value, ...]] = Field(description="the values of each choice of the space")
    evaluations: tuple[Evaluation, ...]
    finalists: tuple[FrontPoint, ...] = Field(description="all networks that were trained, the best first")


_ALL: Final = TypeAdapter(dict[str, TargetEvaluations])


def keep_evaluations(folder: Path, found: Mapping[str, TargetEvaluations]) -> None:
    """Writes the evaluations of a run, by target.

    Raises:
        OutOfSpace: the disk is full.
    """
    write_atomically(folder / FILE, _ALL.dump_json(dict(found)))


def read_evaluations(folder: Path) -> dict[str, TargetEvaluations]:
    """The evaluations of a run, by target.

    Raises:
        UnknownRun: there is no such run, or an earlier version of hwnas made it.
    """
    path = folder / FILE
    try:
        return _ALL.validate_json(path.read_bytes())
    except FileNotFoundError as error:
        known = sorted(p.parent.name for p in folder.parent.glob(f"*/{FILE}")) if folder.parent.is_dir() else []
        raise UnknownRun(
            f"{folder} has no {FILE}: it is no finished run, or an earlier version of hwnas made it.",
            fix="Name a finished run, or run its search again: its results are cached.",
            facts={"known": known},
        ) from error
    except ValidationError as error:
        raise UnknownRun(
            f"{path} is of another version of hwnas.",
            fix="Run its search again: results that this version can use are cached.",
        ) from error


def of_target(found: Mapping[str, TargetEvaluations], target: str | None) -> TargetEvaluations:
    """The evaluations of one target, which need not be named where there is but one.

    Raises:
        UnknownTarget: it is not named and there are several, or the run has none of that name.
    """
    if target is None and len(found) == 1:
        return next(iter(found.values()))
    if target is not None and target in found:
        return found[target]
    said = f"The run has {len(found)} targets." if target is None else f"The run has no target {target!r}."
    raise UnknownTarget(said, fix=f"Name one of {', '.join(found)}: --target.", facts={"targets": list(found)})
