"""What a store keeps of the cells of batches: the spec that a cell was given, and its result once it is finished.

So a batch that is killed goes on, and of one that is extended only the new cells run, whatever its file is called. Not here: how a
cell's spec is decided (`sharing.py`).
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from nas.frozen import FrozenModel
from nas.job import Job
from nas.result import SearchResult
from nas.spec import SearchSpec
from nas.stages.context import StageCost
from nas.stages.plan import job_inputs
from nas.store import StageKey, Store
from nas.work import Work

Model = TypeVar("Model", bound=FrozenModel)

VERSION = 1


class StageUse(FrozenModel):
    """A stage that a cell uses.

    Attributes:
        id: of the stage in the store.
        stage: its name there.
        core_seconds: that it took when it was computed; None where that is unknown.
    """

    id: str
    stage: str
    phase: str
    target: str | None
    core_seconds: float | None


class CellRecord(FrozenModel):
    """A finished cell.

    Attributes:
        spec: of its search, with all that was decided for it.
        validation: the metric of its exported network in INT8 on the validation set.
    """

    spec: SearchSpec
    result: SearchResult
    validation: float | None
    stages: tuple[StageUse, ...]


def stage_uses(costs: Mapping[tuple[str, str | None], StageCost]) -> tuple[StageUse, ...]:
    """The stages that a run used, each once, from the costs of its context."""
    uses = {
        key: StageUse(id=key, stage=one.stage, phase=one.phase, target=one.target, core_seconds=one.core_seconds)
        for (key, _), one in costs.items()
    }
    return tuple(uses.values())


def cell_inputs(job: Job) -> dict[str, object]:
    """What a cell's result depends on as far as its request goes, from a job of its own target alone."""
    asked = job_inputs(job)
    teacher = {} if job.teacher is None else {"teacher": job.teacher.sha256}
    work = {} if job.spec.work is None else {"work": job.spec.work.model_dump(mode="json")}
    return {**asked, **teacher, **work, "target": job.targets[0].fingerprint}


def find_cell(store: Store, inputs: Mapping[str, Any]) -> CellRecord | None:
    """A finished cell, if it is in the store as this version writes it."""
    record = store.find(_key("batch_cell", inputs))
    if record is None:
        return None
    try:
        return CellRecord.model_validate_json(store.get(record.outputs["cell"]))
    except ValidationError:
        return None


def keep_cell(store: Store, inputs: Mapping[str, Any], record: CellRecord) -> None:
    """Keeps a finished cell.

    Raises:
        OutOfSpace: the disk is full.
    """
    store.finish(_key("batch_cell", inputs), {"cell": record.model_dump_json().encode()}, seconds=0.0)


def find_spec(store: Store, inputs: Mapping[str, Any]) -> SearchSpec | None:
    """The spec that a cell was given before, with all that was decided for it."""
    return _read(store, "batch_spec", inputs, SearchSpec)


def keep_spec(store: Store, inputs: Mapping[str, Any], spec: SearchSpec) -> None:
    """Keeps the spec that a cell was given, so that it is the same after a kill.

    Raises:
        OutOfSpace: the disk is full.
    """
    store.finish(_key("batch_spec", inputs), {}, seconds=0.0, facts=spec.model_dump(mode="json"))


def group_inputs(cells: Iterable[Mapping[str, Any]]) -> dict[str, object]:
    """What the work of a group depends on: what all of its cells ask for, whatever their targets and budgets are."""
    first = next(iter(cells))
    spec = {name: value for name, value in first["spec"].items() if name != "targets"}
    return {**{name: value for name, value in first.items() if name not in ("target", "space")}, "spec": spec}


def find_work(store: Store, inputs: Mapping[str, Any]) -> Work | None:
    """The work of each cell of a group, where it was decided before."""
    return _read(store, "batch_work", inputs, Work)


def keep_work(store: Store, inputs: Mapping[str, Any], work: Work) -> None:
    """Keeps the work of each cell of a group: the time is resolved once, also for cells that are added later.

    Raises:
        OutOfSpace: the disk is full.
    """
    store.finish(_key("batch_work", inputs), {}, seconds=0.0, facts=work.model_dump(mode="json"))


def _read(store: Store, name: str, inputs: Mapping[str, Any], model: type[Model]) -> Model | None:
    record = store.find(_key(name, inputs))
    if record is None:
        return None
    try:
        return model.model_validate(record.facts)
    except ValidationError:  # of another version
        return None


def _key(name: str, inputs: Mapping[str, Any]) -> StageKey:
    return StageKey(name, VERSION, inputs)
