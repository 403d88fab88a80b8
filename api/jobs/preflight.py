"""Checks a spec before its job is queued, and estimates what the job would take (`validate_only`)."""

import logging
import os
from typing import Any, Final

from api.database import Database
from api.errors import CheckFailed
from api.jobs.batch_answer import BatchValidation
from api.jobs.batch_spec import BatchWireSpec
from api.jobs.batches import engine_batch, searches_of
from api.jobs.engine_spec import BaseSpec, base_spec, engine_spec, own_network, targets_of
from api.jobs.exports import resolve_export
from api.jobs.input_spec import input_spec, unknown_network
from api.jobs.schemas import Validation
from api.jobs.specs import AnySpec, ExportWireSpec, ProfilingWireSpec, SearchWireSpec
from api.problems import answered_error, answered_problem
from api.processes import ChildFailed, ChildTooSlow, run_child
from api.settings import Settings
from api.tenancy import Subject
from api.upload_rows import NETWORKS
from nas.batch.spec import BatchSpec
from nas.errors import SourceUnavailable
from nas.search.searchers.registry import searcher
from nas.spec import SearchSpec, targets_named
from nas.stages.choose_source import AUTO, NONE, find_source, space_of
from search_spaces.errors import InvalidSpace

log = logging.getLogger("hwnas.api")

ESTIMATE_FILE_BYTES: Final = 2**30
"""The largest file that an estimating process may write."""

_STAGES: Final = {
    "profiling": ("profiling",),
    "supernet_training": ("training",),
    "export": ("profiling", "training", "fine_tuning", "verifying"),
}


class Preflight:
    """Checks and estimates of specs, for one service."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def check(self, subject: Subject, spec: AnySpec) -> AnySpec:
        """Rejects a spec that cannot run.

        Returns:
            The spec to store: an export's with the architecture and the spec of the search that it names; any other with the
            network and the space that `auto` stands for, so that they stay what they are.

        Raises:
            UnknownJob, UnknownArchitecture, InvalidRequest: as `api.jobs.exports.resolve_export`.
            UnknownDataset, UnknownNetwork: it names a data set or a network that does not exist.
            UnknownTarget: it names a target that does not exist.
            UnknownSearcher: it names a searcher that is not installed.
            InvalidSpec: it names a target twice.
            SourceUnavailable: the weights of the network to start from are not installed, or it is of another space.
            InvalidSpace: its space does not exist, is not valid, or does not fit the images.
        """
        from search_spaces.registry import space

        if isinstance(spec, BatchWireSpec):
            for search in searches_of(spec):
                self.check(subject, search)
            return spec
        if isinstance(spec, ExportWireSpec):
            spec = resolve_export(self._database, subject, spec)
        base = base_spec(spec)
        inputs = input_spec(self._database, subject.tenant_id, base.data)
        targets_named(targets_of(spec))
        if isinstance(base, SearchWireSpec):
            searcher(base.searcher)
        resolution = base.resolution or inputs.resolution
        own = own_network(base)
        if own is not None:
            self._check_own(subject, base, own)
            return spec
        base = self._with_start(base, resolution)
        space(base.space, resolution=resolution, channels=inputs.channels, classes=inputs.classes)
        return spec if isinstance(spec, ExportWireSpec) else base

    def _check_own(self, subject: Subject, spec: BaseSpec, network_id: str) -> None:
        """Rejects what a search from an uploaded network cannot do; the network itself was checked when it came."""
        with self._database.read() as connection:
            row = NETWORKS.find(connection, subject.tenant_id, network_id)
        if row is None:
            raise unknown_network(network_id)
        if spec.space != AUTO:
            raise SourceUnavailable(
                f"{network_id} cannot start a search of another space than its own.", fix="Leave out the space."
            )
        side = row.summary["side"]
        if row.summary["only_side"] and spec.resolution not in (None, side):
            raise InvalidSpace(
                f"The network {network_id} reads images of {side} pixels only, not {spec.resolution}.",
                fix=f"Leave out the resolution, or give {side}.",
                facts={"resolution": side},
            )

    def _with_start(self, spec: BaseSpec, resolution: int) -> BaseSpec:
        """The spec with the network to start from and its space in place of `auto`."""
        if isinstance(spec, ProfilingWireSpec):
            return spec
        requested = engine_spec(spec, self._settings)
        source = find_source(requested.start_from, requested.space, resolution)
        found = {"start_from": NONE if source is None else source.name, "space": space_of(requested, source)}
        return spec.model_copy(update={name: value for name, value in found.items() if getattr(spec, name) == AUTO})

    def validate(self, subject: Subject, spec: AnySpec) -> Validation | BatchValidation:
        """Estimates a job of this spec, in a process of its own that reads the data and times the machine for a moment.

        Raises:
            UnknownJob, UnknownArchitecture, InvalidRequest: as `check`.
            UnknownDataset, UnknownTarget, InvalidSpace, InfeasibleBudget, InvalidData: why the job would fail.
            CheckFailed: the estimate took too much time or memory.
        """
        spec = self.check(subject, spec)
        if isinstance(spec, BatchWireSpec):
            batch = engine_batch(spec, self._settings, {data: data for data in spec.data})
            plan = self._estimate(subject, self._settings.batch_planner, batch)
            problems = {cell: answered_problem(problem) for cell, problem in plan["problems"].items()}
            return BatchValidation.model_validate({**plan, "spec": spec, "problems": problems})
        return _validation(spec, self._estimate(subject, self._settings.estimator, engine_spec(spec, self._settings)))

    def _estimate(self, subject: Subject, estimator: str, spec: SearchSpec | BatchSpec) -> dict[str, Any]:
        """What a function estimates of a spec of the engine, in a child process."""
        settings = self._settings
        request = {
            "estimator": estimator,
            "batch": isinstance(spec, BatchSpec),
            "spec": spec.model_dump(mode="json"),
            "store": str(settings.store),
            "tenant": subject.tenant_id,
            "file_bytes": ESTIMATE_FILE_BYTES,
            "memory_bytes": settings.estimate_memory_bytes,
            "cpu_s": (int(settings.check_timeout_s) + 1) * (os.cpu_count() or 1),  # it may use all of them
        }
        try:
            answer = run_child("api.jobs.estimate", request, settings.check_timeout_s)
        except ChildTooSlow:
            raise CheckFailed(
                f"Estimating the job took longer than {settings.check_timeout_s:.0f} seconds.",
                fix="Try again when the machine is idle, or choose a smaller resolution.",
            ) from None
        except ChildFailed as failed:
            log.warning("an estimating process ended with %s", failed)
            raise CheckFailed(
                "The process that estimates the job was ended, perhaps since it took too much memory.",
                fix="Choose a smaller resolution or a smaller space.",
            ) from None
        if "error" in answer:
            raise answered_error(answer["error"])
        found: dict[str, Any] = answer["estimate"]
        return found


def _validation(spec: AnySpec, estimate: dict[str, Any]) -> Validation:
    seconds: dict[str, float] = estimate["plan"]["seconds"]
    from hw_targets.registry import target

    stages = _STAGES.get(spec.kind, tuple(seconds))
    per_target = {"fine_tuning", "verifying"} if isinstance(spec, ExportWireSpec) else set()  # an export has one target
    targets = len(getattr(base_spec(spec), "targets", "1"))
    target_ids = {target(name).info.id for name in targets_of(spec)}
    plan = estimate["plan"]
    trains = not isinstance(spec, ProfilingWireSpec)
    return Validation(
        spec=spec,
        architectures=estimate["architectures"],
        reachable_ms={name: range_ms for name, range_ms in estimate["reachable_ms"].items() if name in target_ids},
        seconds={n: round(s / targets, 1) if n in per_target else s for n, s in seconds.items() if n in stages},
        memory_bytes=plan["memory_bytes"] if trains else None,
        resolution=plan["resolution"],
        supernet=plan["supernet"] if trains else None,
        note=plan["note"] if isinstance(spec, SearchWireSpec) else "",
        warnings=tuple(estimate["warnings"]),
    )
