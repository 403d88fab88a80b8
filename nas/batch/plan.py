"""What a batch would take: its cells counted and priced before anything runs. Not here: the run (`run.py`)."""

from collections import defaultdict
from pathlib import Path

from nas.batch.ledger import INFEASIBLE
from nas.batch.prepare import missing_tables, prepare, supernet_users
from nas.batch.resolve import check_batch, problem
from nas.batch.result import BatchPlan
from nas.batch.sharing import CellJob, by_group, check, quiet, with_work
from nas.batch.spec import BatchSpec
from nas.stages import plan as plans
from nas.stages.context import Context
from nas.stages.costs import profiling_s, time_training
from nas.store import Store
from search_spaces.errors import HwnasError


def plan_batch(spec: BatchSpec, *, out: Path = Path("runs"), store: Store | Path | str | None = None) -> BatchPlan:
    """The estimated cost of a batch. It reads the data and times some training steps, as the plan of a search does.

    Raises:
        UnknownTarget, TargetUnavailable, InvalidSpec, InvalidSpace, UnknownSearcher, DeviceUnavailable: as `run_batch`.
        OutOfSpace, UnwritableFolder, StoreCorrupt: what every cell would meet.
    """
    check_batch(spec)
    context = Context(Store.of(store or out / "store"))
    errors: dict[str, HwnasError] = {}
    found, jobs = prepare(context, spec, failed=errors.__setitem__, step=lambda: None)
    missing = missing_tables(context, jobs)
    without = {cell.resolved.cell.id for cells in missing for cell in cells}
    able = [one for one in jobs if one.resolved.cell.id in without]
    for one in jobs:
        if one.resolved.cell.id not in without:
            checked = check(quiet(context), one)
            if isinstance(checked, HwnasError):
                errors[one.resolved.cell.id] = checked
            else:
                able.append(checked)
    able = [one for cells in by_group(able) for one in with_work(context, cells)]
    supernets = supernet_users(able)
    seconds, memory = _seconds(context, able, supernets)
    profiling = sum(profiling_s(cells[0].job.work.profile, cells[0].job.targets[0]) for cells in missing)
    return BatchPlan(
        cells=len(spec.cells()),
        finished=len(found),
        runnable=len(able),
        supernets=len(supernets),
        tables=len(missing),
        seconds={name: round(s, 1) for name, s in {"profiling": profiling, **seconds}.items()},
        memory_bytes=memory,
        infeasible=sum(isinstance(error, INFEASIBLE) for error in errors.values()),
        problems={cell: problem(error) for cell, error in errors.items()},
    )


def _seconds(context: Context, jobs: list[CellJob], supernets: list[list[CellJob]]) -> tuple[dict[str, float], int]:
    """Estimated seconds by stage, and the most memory of one search."""
    total: dict[str, float] = defaultdict(float)
    memory = 0
    training = {cells[0].resolved.cell.id for cells in supernets}
    for one in jobs:
        costs = one.costs or time_training(context, one.job)
        plan = plans.plan_of(quiet(context), one.job, costs, profiling=0.0)
        memory = max(memory, plan.memory_bytes)
        for stage, seconds in plan.seconds.items():
            if stage != "profiling" and (stage != "training" or one.resolved.cell.id in training):
                total[stage] += seconds
    return dict(total), memory
