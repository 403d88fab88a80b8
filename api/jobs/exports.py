"""What an export names, looked up when it is made: the spec of the search and the architecture. Not here: running one.

Both are stored with the export. It goes on when the search's job is deleted, and says by itself what it was of.
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


def resolved(database: Database, subject: Subject, wanted: ExportWireSpec) -> ExportWireSpec:
    """The export with the spec of the search, the architecture's string and the target.

    Raises:
        UnknownJob: the tenant has no job of that id.
        InvalidRequest: the job is no search, or has several targets and none is named.
        UnknownTarget: the search does not have that target.
        UnknownArchitecture: the search evaluated no architecture of that id (yet).
    """
    with database.read() as connection:
        row = repository.find(connection, subject.tenant_id, wanted.job)
        if row is None:
            raise UnknownJob(f"There is no job {wanted.job!r}.", fix="List the searches with GET /v1/jobs?kind=search.")
        if row.kind != "search":
            raise _refused("job", f"the job is no search but of the kind {row.kind}", "Name a job of the kind search.")
        architecture = _architecture(connection, wanted)
    search = SearchWireSpec.model_validate(row.spec)
    target = _target(search, wanted.target)
    return wanted.model_copy(update={"search": search, "architecture": architecture, "target": target})


def _architecture(connection: Connection, wanted: ExportWireSpec) -> str:
    found = events_table.architecture(connection, wanted.job, wanted.architecture_id)
    if found is None:
        raise UnknownArchitecture(
            f"The job {wanted.job} evaluated no architecture {wanted.architecture_id!r}.",
            fix=f"List them with GET /v1/jobs/{wanted.job}/candidates.",
            facts={"job": wanted.job},
        )
    return found


def _target(search: SearchWireSpec, wanted: str | None) -> str:
    """The search's name of the target that is meant."""
    names = [one.target for one in search.targets]
    if wanted is None:
        if len(names) == 1:
            return names[0]
        raise _refused("target", f"the search has {len(names)} targets", f"Name one of {', '.join(names)}.")
    ids = {find_target(name).info.id: name for name in names} | {name: name for name in names}
    if wanted not in ids:
        raise UnknownTarget(f"The search has no target {wanted!r}.", fix=f"Use one of {', '.join(names)}.")
    return ids[wanted]


def _refused(field: str, detail: str, fix: str) -> InvalidRequest:
    wrong = FieldProblem(pointer=f"/spec/{field}", detail=detail)
    return InvalidRequest(f"{detail[0].upper()}{detail[1:]}.", fix=fix, fields=(wrong,))
