"""Resolves what an export names when it is made: the spec of its search and the architecture. Not here: running one.

Both are stored with the export, so that it runs and can be read after the search's job is deleted.
"""

from sqlalchemy import Connection

from api.database import Database
from api.errors import InvalidRequest, UnknownJob
from api.jobs import events_table, repository
from api.jobs.specs import ExportWireSpec, SearchWireSpec
from api.problem_document import FieldProblem
from api.tenancy import Subject
from hw_targets.errors import UnknownTarget
from hw_targets.registry import target as find_target
from nas.errors import UnknownArchitecture


def resolve_export(database: Database, subject: Subject, spec: ExportWireSpec) -> ExportWireSpec:
    """The export with the spec of the search, the architecture's string and the target.

    Raises:
        UnknownJob: the tenant has no job of that id.
        InvalidRequest: the job is no search, or has several targets and none is named.
        UnknownTarget: the search does not have that target.
        UnknownArchitecture: the search has evaluated no architecture of that id.
    """
    with database.read() as connection:
        row = repository.find(connection, subject.tenant_id, spec.job)
        if row is None:
            raise UnknownJob(f"There is no job {spec.job!r}.", fix="List the searches with GET /v1/jobs?kind=search.")
        if row.kind != "search":
            raise _invalid_field(
                "job", f"the job is no search but of the kind {row.kind}", "Name a job of the kind search."
            )
        architecture = _architecture(connection, spec)
    search = SearchWireSpec.model_validate(row.spec)
    target = _target(search, spec.target)
    return spec.model_copy(update={"search": search, "architecture": architecture, "target": target})


def _architecture(connection: Connection, spec: ExportWireSpec) -> str:
    found = events_table.architecture_string(connection, spec.job, spec.architecture_id)
    if found is None:
        raise UnknownArchitecture(
            f"The job {spec.job} evaluated no architecture {spec.architecture_id!r}.",
            fix=f"List them with GET /v1/jobs/{spec.job}/candidates.",
            facts={"job": spec.job},
        )
    return found


def _target(search: SearchWireSpec, name: str | None) -> str:
    """The target as the search names it."""
    names = [one.target for one in search.targets]
    if name is None:
        if len(names) == 1:
            return names[0]
        raise _invalid_field("target", f"the search has {len(names)} targets", f"Name one of {', '.join(names)}.")
    ids = {find_target(one).info.id: one for one in names} | {one: one for one in names}
    if name not in ids:
        raise UnknownTarget(f"The search has no target {name!r}.", fix=f"Use one of {', '.join(names)}.")
    return ids[name]


def _invalid_field(field: str, detail: str, fix: str) -> InvalidRequest:
    wrong = FieldProblem(pointer=f"/spec/{field}", detail=detail)
    return InvalidRequest(f"{detail[0].upper()}{detail[1:]}.", fix=fix, fields=(wrong,))
