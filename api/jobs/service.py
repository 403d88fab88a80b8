"""What can be done with jobs: the rules between the routes and the statements."""

from pathlib import Path
from typing import Any, Final

from api import pages
from api.database import Database, as_time
from api.datasets import repository as datasets
from api.errors import JobEnded, UnknownDataset, UnknownJob
from api.ids import new_id
from api.jobs import repository
from api.jobs.schemas import EventPage, JobCreate, JobDocument, JobEvent, JobPage, SearchWireSpec
from api.jobs.states import ENDED, State
from api.settings import Settings
from nas.events import EVENT
from nas.spec import SearchSpec

DIGITS: Final = "digits"
DIGITS_FORM: Final = {"resolution": 8, "channels": 1, "classes": 10}


class Jobs:
    """Jobs of one database."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def create(self, wanted: JobCreate) -> JobDocument:
        """Queues a job.

        Raises:
            UnknownDataset: the spec names a data set that does not exist.
            UnknownTarget: it names a target that does not exist.
            InvalidSpace: its space does not exist, is not valid, or does not fit the images.
        """
        self.check(wanted.spec)
        job_id = new_id("job")
        spec = wanted.spec.model_dump(mode="json", exclude_none=True)
        with self._database.write() as connection:
            repository.add(connection, job_id, wanted.spec.kind, spec, self._settings.max_attempts)
        return self.get(job_id)

    def check(self, spec: SearchWireSpec) -> None:
        """Refuses a spec that cannot run, before anything is queued. See `create` for what it raises."""
        from hw_targets.registry import target
        from search_spaces.registry import space

        form = self._form(spec.data)
        for wanted in spec.targets:
            target(wanted.target)
        space(
            spec.space,
            resolution=spec.resolution or int(form["resolution"]),
            channels=int(form["channels"]),
            classes=int(form["classes"]),
        )

    def get(self, job_id: str) -> JobDocument:
        """A job.

        Raises:
            UnknownJob: there is none of that id.
        """
        with self._database.read() as connection:
            return document(_found(repository.find(connection, job_id), job_id))

    def page(self, *, state: State | None, size: int, token: str | None) -> JobPage:
        """Jobs, newest first.

        Raises:
            InvalidPageToken: the token is none of this list with this filter.
        """
        binding = f"jobs state={state}"
        before = pages.read_token(token, binding) if token else None
        size = min(size, pages.MAX_PAGE_SIZE)
        with self._database.read() as connection:
            rows = repository.page(connection, state=state, before=before, limit=size + 1)
        more = len(rows) > size
        rows = rows[:size]
        return JobPage(
            items=tuple(document(row) for row in rows),
            next_page_token=pages.make_token(rows[-1].id, binding) if more else None,
        )

    def events(self, job_id: str, *, after: int, size: int) -> EventPage:
        """Events with numbers above `after`.

        Raises:
            UnknownJob: there is none of that id.
        """
        stored, ended = self.stored_events(job_id, after=after, size=min(size, pages.MAX_PAGE_SIZE))
        items = tuple(JobEvent(seq=e.seq, at=as_time(e.at), event=EVENT.validate_json(e.data)) for e in stored)
        return EventPage(items=items, next_after=items[-1].seq if items else after, ended=ended)

    def stored_events(self, job_id: str, *, after: int, size: int) -> tuple[list[repository.StoredEvent], bool]:
        """At most `size` events with numbers above `after`, as they are stored, and whether none follows them ever.

        Raises:
            UnknownJob: there is none of that id.
        """
        with self._database.read() as connection:
            job = repository.standing(connection, job_id)
            if job is None:
                raise _unknown(job_id)
            state, last = job
            stored = repository.events(connection, job_id, after=after, limit=size) if last > after else []
        return stored, state in ENDED and (stored[-1].seq if stored else after) >= last

    def cancel(self, job_id: str) -> JobDocument:
        """Asks a job to stop. Asking again changes nothing.

        Raises:
            UnknownJob: there is none of that id.
            JobEnded: it succeeded or failed before.
        """
        with self._database.write() as connection:
            _found(repository.find(connection, job_id), job_id)
            repository.request_cancel(connection, job_id)
            row = _found(repository.find(connection, job_id), job_id)
        if row.state in ("succeeded", "failed"):
            raise JobEnded(
                f"The job {job_id} has {row.state} already.",
                fix="Nothing is left to cancel; GET the job for its result.",
                facts={"state": row.state},
            )
        return document(row)

    def _form(self, data: str) -> dict[str, Any]:
        """Side, channels and classes of the images."""
        if data == DIGITS:
            return dict(DIGITS_FORM)
        with self._database.read() as connection:
            row = datasets.find(connection, data)
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


def local_spec(wire: SearchWireSpec, datasets_folder: Path) -> SearchSpec:
    """The engine's spec of a wire spec, on this machine."""
    fields = wire.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
    if wire.data != DIGITS:
        from api.datasets.storage import source

        fields["data"] = str(source(datasets_folder, wire.data))
    return SearchSpec.model_validate(fields)


def document(row: repository.JobRow) -> JobDocument:
    """A job's row as clients see it."""
    return JobDocument.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "state": row.state,
            "phase": row.phase,
            "progress": row.progress,
            "attempt": row.attempt,
            "max_attempts": row.max_attempts,
            "spec": row.spec,
            "result": row.result,
            "error": row.error,
            "last_event": row.event_seq,
            "created_at": as_time(row.created_at),
            "started_at": None if row.started_at is None else as_time(row.started_at),
            "finished_at": None if row.finished_at is None else as_time(row.finished_at),
        }
    )


def _found(row: repository.JobRow | None, job_id: str) -> repository.JobRow:
    if row is None:
        raise _unknown(job_id)
    return row


def _unknown(job_id: str) -> UnknownJob:
    return UnknownJob(f"There is no job {job_id!r}.", fix="List the jobs with GET /v1/jobs.")
