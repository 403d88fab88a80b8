"""What the cells of a group share, decided once: the size of images, the space of the supernet, and the work of each cell.

A search by itself fits its space to its targets and its work to its time. Cells of a group differ in target and budget alone, so one
supernet serves all of them if its space has what each target runs, and if it is trained for as long. Each cell gets the work of a
search for one target in the batch's time, as if it were searched alone; that of the supernet is spent once. Targets that cannot share
a space, since no activation is common to them, form supernets of their own. Not here: how it is computed (`run.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from hw_targets.registry import target as find_target
from hw_targets.target import Target
from nas.batch.records import find_work, group_inputs, keep_spec, keep_work
from nas.batch.resolve import STOPPING, ResolvedCell
from nas.errors import InfeasibleBudget, InfeasibleLimits
from nas.events import ignore
from nas.job import Job
from nas.prepare_job import choose_resolution, resolve_spec, with_target_plans
from nas.spec import SearchSpec
from nas.stages import plan as plans
from nas.stages.choose_source import space_of
from nas.stages.context import Context
from nas.stages.costs import Costs, time_training
from nas.stages.restrict_space import TargetSpaces, restrict_space
from nas.work import Work
from search_spaces.errors import HwnasError, UnsupportedSpace

TIMED: Final = 16
"""Most networks near budgets that are timed for the work of a group."""


@dataclass(frozen=True)
class CellJob:
    """A cell with its job at the size of images, and in the space, that its group shares.

    Attributes:
        job: of its own target; its work is the least where that is not decided yet.
        costs: of the job's stages; None where the work is decided.
    """

    resolved: ResolvedCell
    job: Job
    costs: Costs | None = field(default=None, repr=False)

    @property
    def spec(self) -> SearchSpec:
        """Of its search, with all that is decided for it so far."""
        job, source = self.job, self.job.source
        decided = {"resolution": job.data.resolution, "start_from": None if source is None else source.name}
        return job.spec.model_copy(update={"work": job.work.model_copy(update=decided)})


CellOutcome = CellJob | HwnasError


def quiet(context: Context) -> Context:
    """The same context for decisions, which are reported when they are carried out."""
    return replace(context, on_event=ignore, seconds={}, noted=[], costs={})


def share(context: Context, cells: Sequence[ResolvedCell], targets: Sequence[str]) -> dict[str, CellOutcome]:
    """The jobs of the cells of one group, by id; or why there is none.

    Args:
        context: of the batch.
        cells: of the group, those that are not finished.
        targets: of all cells of the group, finished ones too: the supernet is for all of them.

    Raises:
        STOPPING: what every cell would meet.
    """
    known = [cell for cell in cells if cell.pinned is not None]
    jobs: dict[str, CellOutcome] = {cell.cell.id: _pinned(context, cell) for cell in known}
    new = [cell for cell in cells if cell.pinned is None]
    if new:
        try:
            jobs.update(_decide(quiet(context), new, targets))
        except STOPPING:
            raise
        except HwnasError as error:
            jobs.update(dict.fromkeys((cell.cell.id for cell in new), error))
    return jobs


def _pinned(context: Context, cell: ResolvedCell) -> CellOutcome:
    assert cell.pinned is not None
    try:
        return CellJob(cell, resolve_spec(quiet(context), cell.pinned))
    except STOPPING:
        raise
    except HwnasError as error:
        return error


def _decide(context: Context, cells: Sequence[ResolvedCell], targets: Sequence[str]) -> dict[str, CellOutcome]:
    """The size of images by the first cell whose budget can be met, and a space for as many targets as can share one."""
    work = cells[0].cell.spec.work or find_work(context.store, group_inputs(cell.inputs for cell in cells))
    lead = _lead(context, cells, work)
    if isinstance(lead, dict):
        return lead
    job, costs = lead
    found: dict[str, CellOutcome] = {}
    for names, spaces in _spaces(context, job, targets):
        if isinstance(spaces, HwnasError):
            found.update({cell.cell.id: spaces for cell in cells if cell.cell.target in names})
            continue
        parts = dict(zip(names, spaces.restricted, strict=True))
        shared = replace(job, space=spaces.space)
        own = None if costs is None else time_training(context, shared)
        for cell in cells:
            if cell.cell.target in parts:
                given = {"work": work, "supernet_targets": tuple(names) if len(names) > 1 else ()}
                spec = cell.cell.spec.model_copy(update=given)
                part = parts[cell.cell.target]
                one = replace(shared, spec=spec, targets=cell.job.targets, restricted=(part,), target_plans=())
                found[cell.cell.id] = CellJob(cell, one, own)
    return found


def _lead(
    context: Context, cells: Sequence[ResolvedCell], work: Work | None
) -> tuple[Job, Costs | None] | dict[str, CellOutcome]:
    """A job with the size of images for the group; or each cell's own error where none can meet its budget or limits."""
    errors: dict[str, CellOutcome] = {}
    for cell in cells:
        if work is not None:
            return resolve_spec(context, cell.cell.spec.model_copy(update={"work": work})), None
        try:
            return choose_resolution(context, cell.cell.spec)
        except (InfeasibleBudget, InfeasibleLimits) as error:
            errors[cell.cell.id] = error
    return errors


def _spaces(
    context: Context, job: Job, names: Sequence[str]
) -> list[tuple[list[str], TargetSpaces | UnsupportedSpace]]:
    """Targets with the space that they share: all of them where one activation suits them, else as many as possible each time."""
    targets = {name: find_target(name) for name in names}
    whole = _space(context, job, list(targets.values()))
    if isinstance(whole, TargetSpaces):
        return [(list(targets), whole)]
    groups: list[list[str]] = []
    found: list[tuple[list[str], TargetSpaces | UnsupportedSpace]] = []
    for name, target in targets.items():
        alone = _space(context, job, [target])
        if isinstance(alone, UnsupportedSpace):
            found.append(([name], alone))
            continue
        for group in groups:
            if _shareable(context, job, [targets[one] for one in (*group, name)]):
                group.append(name)
                break
        else:
            groups.append([name])
    return found + [(group, _space(context, job, [targets[one] for one in group])) for group in groups]


def _shareable(context: Context, job: Job, targets: Sequence[Target]) -> bool:
    return isinstance(_space(context, job, targets), TargetSpaces)


def _space(context: Context, job: Job, targets: Sequence[Target]) -> TargetSpaces | UnsupportedSpace:
    data = job.data
    try:
        return restrict_space(
            context,
            space_of(job.spec, job.source),
            targets,
            resolution=data.resolution,
            channels=data.channels,
            classes=len(data.classes),
        )
    except UnsupportedSpace as error:
        return error


def check(context: Context, one: CellJob) -> CellJob | HwnasError:
    """A cell with its latency table and its checked budget; or why there is none. The table is measured where it is missing.

    Raises:
        STOPPING: what every cell would meet.
    """
    try:
        return replace(one, job=with_target_plans(context, one.job))
    except STOPPING:
        raise
    except HwnasError as error:
        return error


def decide_work(context: Context, cells: Sequence[CellJob]) -> dict[str, CellJob]:
    """The checked cells of one group with their work: known, or decided now and kept. Their specs are kept, too.

    Raises:
        OutOfSpace: the disk is full.
    """
    decided = with_work(context, cells)
    new = [cell for cell in decided if cell.costs is not None]
    if new:
        keep_work(context.store, group_inputs(cell.resolved.inputs for cell in new), new[0].job.work)
    for cell in decided:
        if cell.resolved.pinned is None:
            keep_spec(context.store, cell.resolved.inputs, cell.spec)
    return {cell.resolved.cell.id: cell for cell in decided}


def with_work(context: Context, cells: Sequence[CellJob]) -> list[CellJob]:
    """The cells of one group with their work: known, or decided now; nothing is kept."""
    new = [cell for cell in cells if cell.costs is not None]
    if not new:
        return list(cells)
    work = afford(context, new)
    return [cell if cell.costs is None else replace(cell, job=replace(cell.job, work=work)) for cell in cells]


def by_group(jobs: Iterable[CellJob]) -> list[list[CellJob]]:
    """The cells of each group, both in their order."""
    groups: dict[str, list[CellJob]] = {}
    for one in jobs:
        groups.setdefault(one.resolved.cell.group, []).append(one)
    return list(groups.values())


def afford(context: Context, cells: Sequence[CellJob]) -> Work:
    """The work of a search for one target whose finalists are like those of all cells; of those that share the first one's space.

    Before their latency tables are known, it is estimated from the size of the networks.
    """
    cells = [cell for cell in cells if cell.job.space.fingerprint == cells[0].job.space.fingerprint]
    slowest = max(cells, key=lambda cell: plans.fixed_s(cell.job))
    assert slowest.costs is not None
    near = [cell for cell in cells if cell.job.target_plans][:: -(-len(cells) // TIMED)]
    job = replace(slowest.job, target_plans=tuple(plan for cell in near for plan in cell.job.target_plans))
    return plans.afford(job, plans.time_near_limit(quiet(context), job, slowest.costs))
