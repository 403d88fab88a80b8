"""Everything of a batch before its first latency table: which cells are finished, and what the others share."""

from collections.abc import Callable, Sequence

from nas.batch.resolve import ResolvedCell, resolve_cells
from nas.batch.sharing import CellJob, share
from nas.batch.spec import BatchSpec
from nas.stages.context import Context
from nas.stages.profile import profiled
from search_spaces.errors import HwnasError


def prepare(
    context: Context, spec: BatchSpec, *, failed: Callable[[str, HwnasError], None], step: Callable[[], None]
) -> tuple[list[ResolvedCell], list[CellJob]]:
    """The cells that are in the store, and the jobs of the others.

    Args:
        context: of the batch.
        spec: of the batch.
        failed: called with each cell that cannot run, and why.
        step: called after each cell.

    Raises:
        OutOfSpace, UnwritableFolder, StoreCorrupt: what every cell would meet.
        Cancelled: the caller requested a stop.
    """
    groups: dict[str, list[ResolvedCell]] = {}
    for cell, resolved in resolve_cells(context, spec.cells()):
        if isinstance(resolved, HwnasError):
            failed(cell.id, resolved)
        else:
            groups.setdefault(cell.group, []).append(resolved)
        step()
    jobs: list[CellJob] = []
    for cells in groups.values():
        targets = list(dict.fromkeys(one.cell.target for one in cells))
        for name, job in share(context, [one for one in cells if one.found is None], targets).items():
            if isinstance(job, HwnasError):
                failed(name, job)
            else:
                jobs.append(job)
    return [one for cells in groups.values() for one in cells if one.found is not None], jobs


def missing_tables(context: Context, jobs: Sequence[CellJob]) -> list[list[CellJob]]:
    """For each latency table that is missing, the cells that use it."""
    users: dict[object, list[CellJob]] = {}
    for one in jobs:
        info, space, work = one.job.targets[0], one.job.restricted[0].space, one.job.work.profile
        if not profiled(context, info, space, work):
            users.setdefault((info.fingerprint, space.fingerprint, work), []).append(one)
    return list(users.values())


def supernet_users(jobs: Sequence[CellJob]) -> list[list[CellJob]]:
    """For each supernet, and each trained network that searches start from, the cells that use it."""
    users: dict[object, list[CellJob]] = {}
    for one in jobs:
        if one.job.work.supernet_images or one.job.work.adapt_images:
            others = one.spec.model_dump_json(exclude={"targets"})
            users.setdefault((one.job.space.fingerprint, others), []).append(one)
    return list(users.values())
