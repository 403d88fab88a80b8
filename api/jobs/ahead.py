"""Looks ahead of a job: refuses a spec that cannot run, and tells what one would take (`validate_only`)."""

import logging
import os
from typing import Any, Final

from api.database import Database
from api.datasets import repository as datasets
from api.errors import CheckFailed, UnknownDataset
from api.jobs.exports import resolved
from api.jobs.local import DIGITS, local_spec, plain, targets_of
from api.jobs.schemas import Validation
from api.jobs.specs import AnySpec, ExportWireSpec, ProfilingWireSpec, SearchWireSpec
from api.problems import error_kinds
from api.processes import ChildFailed, ChildTooSlow, ask
from api.settings import Settings
from api.tenancy import Subject
from nas.spec import targets_named

log = logging.getLogger("hwnas.api")

FILE_BYTES: Final = 2**30
"""What a process that looks ahead may write into a file; it stores a few facts."""

DIGITS_FORM: Final = {"resolution": 8, "channels": 1, "classes": 10}

_STAGES: Final = {
    "profiling": ("profiling",),
    "supernet_training": ("training",),
    "export": ("profiling", "training", "fine_tuning", "verifying"),
}


class Ahead:
    """Looks at specs of one service."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def check(self, subject: Subject, spec: AnySpec) -> AnySpec:
        """Refuses a spec that cannot run, before anything is queued.

        Returns:
            The spec that is to be stored: an export's with the architecture and the search that it names.

        Raises:
            UnknownJob, UnknownArchitecture, InvalidRequest: as `api.jobs.exports.resolved`.
            UnknownDataset: it names a data set that does not exist.
            UnknownTarget: it names a target that does not exist.
            InvalidSpec: it names a target twice.
            InvalidSpace: its space does not exist, is not valid, or does not fit the images.
        """
        from search_spaces.registry import space

        if isinstance(spec, ExportWireSpec):
            spec = resolved(self._database, subject, spec)
        of = plain(spec)
        form = self.form(subject.tenant_id, of.data)
        targets_named(targets_of(spec))
        space(
            of.space,
            resolution=of.resolution or int(form["resolution"]),
            channels=int(form["channels"]),
            classes=int(form["classes"]),
        )
        return spec

    def validate(self, subject: Subject, spec: AnySpec) -> Validation:
        """What a job of this spec would take. A process of its own looks, for a moment on the real data and machine.

        Raises:
            UnknownJob, UnknownArchitecture, InvalidRequest: as `check`.
            UnknownDataset, UnknownTarget, InvalidSpace, InfeasibleBudget, InvalidData: why it would fail.
            CheckFailed: looking took too long.
        """
        spec = self.check(subject, spec)
        settings = self._settings
        request = {
            "surveyor": settings.surveyor,
            "spec": local_spec(spec, settings.datasets).model_dump(mode="json"),
            "store": str(settings.store),
            "tenant": subject.tenant_id,
            "file_bytes": FILE_BYTES,
            "memory_bytes": settings.survey_memory_bytes,
            "cpu_s": (int(settings.check_timeout_s) + 1) * (os.cpu_count() or 1),  # it may use all of them
        }
        try:
            answer = ask("api.jobs.survey", request, settings.check_timeout_s)
        except ChildTooSlow:
            raise CheckFailed(
                f"Looking ahead of the job took longer than {settings.check_timeout_s:.0f} seconds.",
                fix="Try again when the machine is idle, or choose a smaller resolution.",
            ) from None
        except ChildFailed as failed:
            log.warning("a process that looked ahead of a job ended with %s", failed)
            raise CheckFailed(
                "The process that looked ahead of the job was ended, perhaps since it took too much memory.",
                fix="Choose a smaller resolution or a smaller space.",
            ) from None
        if "error" in answer:
            error = answer["error"]
            raise error_kinds()[error["code"]](error["detail"], fix=error["fix"], facts=error["facts"])
        return _validation(spec, answer["survey"])

    def form(self, tenant_id: str, data: str) -> dict[str, Any]:
        """Side, channels and classes of the images of a data set.

        Raises:
            UnknownDataset: there is none of that id.
        """
        if data == DIGITS:
            return dict(DIGITS_FORM)
        with self._database.read() as connection:
            row = datasets.find(connection, tenant_id, data)
        if row is None:
            raise unknown_dataset(data)
        summary = row.summary
        return {
            "resolution": summary["resolution"],
            "channels": summary["channels"],
            "classes": len(summary["classes"]),
        }


def unknown_dataset(dataset_id: str) -> UnknownDataset:
    """The error for an id of no data set."""
    return UnknownDataset(
        f"There is no data set {dataset_id!r}.", fix="List them with GET /v1/datasets, or use digits."
    )


def _validation(spec: AnySpec, survey: dict[str, Any]) -> Validation:
    seconds: dict[str, float] = survey["plan"]["seconds"]
    from hw_targets.registry import target

    stages = _STAGES.get(spec.kind, tuple(seconds))
    share = {"fine_tuning", "verifying"} if isinstance(spec, ExportWireSpec) else set()  # of one target, not of all
    targets = len(getattr(plain(spec), "targets", "1"))
    wanted = {target(name).info.id for name in targets_of(spec)}
    plan = survey["plan"]
    trains = not isinstance(spec, ProfilingWireSpec)
    return Validation(
        spec=spec,
        architectures=survey["architectures"],
        reachable_ms={name: range_ms for name, range_ms in survey["reachable_ms"].items() if name in wanted},
        seconds={n: round(s / targets, 1) if n in share else s for n, s in seconds.items() if n in stages},
        memory_bytes=plan["memory_bytes"] if trains else None,
        resolution=plan["resolution"],
        supernet=plan["supernet"] if trains else None,
        note=plan["note"] if isinstance(spec, SearchWireSpec) else "",
        warnings=tuple(survey["warnings"]),
    )
