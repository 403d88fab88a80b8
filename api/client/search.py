"""`hwnas --server URL search` and `export`: the same commands, with the work done by a service. Files are uploaded."""

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from api.client.calls import ended
from api.client.files import sha256_of
from api.client.sync import Client, Job, Model
from api.client.tolerant import tolerant
from api.datasets.schemas import DatasetDocument
from api.errors import ApiError, RemoteJobEnded, ScopeMissing
from api.networks.schemas import NetworkDocument
from nas.cli.answer import Answer
from nas.cli.export import ExportRequest
from nas.cli.guard import ended_politely
from nas.cli.progress import watch
from nas.errors import Cancelled, InvalidSpec
from nas.events import LogEvent
from nas.own_source import OwnSource
from nas.result import ExportResult, SearchResult
from nas.runs import resolve_id
from nas.spec import SearchSpec
from nas.stages.choose_source import is_path
from search_spaces.errors import InvalidSpace
from search_spaces.yaml_file import read_yaml

DIGITS: Final = "digits"


def remote_search(url: str) -> Callable[[SearchSpec, Path, bool], Answer]:
    """A function that runs searches on the service at an address."""

    def execute(spec: SearchSpec, out: Path, quiet: bool) -> Answer:
        from nas.cli.report import render_result

        with service(url) as client:
            result = search(client, spec, out, quiet=quiet)
        return Answer(result.model_dump(mode="json", warnings=False), lambda console: render_result(console, result))

    return execute


def remote_export(url: str) -> Callable[[ExportRequest, Path, bool], Answer]:
    """A function that runs exports on the service at an address."""

    def execute(wanted: ExportRequest, out: Path, quiet: bool) -> Answer:
        from nas.cli.report import render_export

        with service(url) as client:
            result = export(client, wanted, out, quiet=quiet)
        return Answer(result.model_dump(mode="json", warnings=False), lambda console: render_export(console, result))

    return execute


def export(client: Client, wanted: ExportRequest, out: Path, *, quiet: bool) -> ExportResult:
    """Queues an export, waits for it, and downloads its model into a folder named after the job.

    Raises:
        ApiError: the service rejects it, or it failed there.
        UnknownArchitecture: the search evaluated no such architecture, or several whose ids begin so.
        RemoteJobEnded: someone cancelled it.
        Cancelled: this process was interrupted; the job continues.
    """
    job = client.export(wanted.run, _architecture_id(client, wanted), target=wanted.target)
    with result_of(client, job, quiet=quiet) as answer:
        (model,) = job.models()
        placed = _with_bundle(answer["model"], model, out / job.id)
    result: ExportResult = tolerant(ExportResult).validate_python(
        {**answer, "run": job.id, "model": placed}, extra="ignore"
    )
    return result


def search(client: Client, spec: SearchSpec, out: Path, *, quiet: bool) -> SearchResult:
    """Queues a search, waits for it, and downloads its models into a folder named after the job.

    Raises:
        ApiError: the service rejects it, or the search failed there.
        InvalidData: there is no such data.
        InvalidSpec: the space is code, or there is a teacher, which a service does not take.
        SourceUnavailable, UnreadableModel: the network to start from is none.
        InvalidSpace: its file is not readable as a space.
        RemoteJobEnded: someone cancelled it.
        Cancelled: this process was interrupted; the job continues.
    """
    fields: dict[str, Any] = spec.model_dump(mode="json", exclude_none=True, exclude={"supernet_targets"})
    fields["space"] = wire_space(spec.space)
    if spec.data != DIGITS:
        fields["data"] = uploaded(client, spec.data)
    if is_path(spec.start_from):
        fields["start_from"] = uploaded_network(client, spec.start_from)
    if spec.teacher is not None:
        raise InvalidSpec("A service takes no teacher.", fix="Search without --teacher, or without --server.")
    job = client.submit({"kind": "search", **fields})
    with result_of(client, job, quiet=quiet) as answer:
        for model in job.models():
            target = model.document.target
            answer["models"][target] = _with_bundle(answer["models"][target], model, out / job.id)
    result: SearchResult = tolerant(SearchResult).validate_python({**answer, "run": job.id}, extra="ignore")
    return result


def _architecture_id(client: Client, wanted: ExportRequest) -> str:
    """The id of the architecture, which may be named by its id, by the beginning of it, or by its string."""
    found = {one.architecture_id: one.architecture for one in client.candidates(wanted.run)}
    if not found:
        return wanted.architecture  # the service says why
    by_string = {architecture: one for one, architecture in found.items()}
    listed = f"{client.url}/jobs/{wanted.run}/candidates"
    return by_string.get(wanted.architecture) or resolve_id(found, wanted.architecture, listed)


@contextlib.contextmanager
def service(url: str) -> Iterator[Client]:
    """The service at an address, for one command."""
    try:
        with ended_politely(), Client(url) as client:
            yield client
    except KeyboardInterrupt as error:
        raise Cancelled("Interrupted before a job was queued.", fix="Run the same command again.") from error


@contextlib.contextmanager
def result_of(client: Client, job: Job, *, quiet: bool) -> Iterator[dict[str, Any]]:
    """Waits for a job and yields its result. An interrupt leaves the job with the service, and the error says where."""
    page = f"{client.url}/jobs/{job.id}"
    try:
        with watch(quiet=quiet) as progress:
            progress(LogEvent(level="info", message=f"the job {job.id} is queued: {page}"))
            job.wait(on_event=progress)
        yield _answer(job)
    except KeyboardInterrupt as error:
        rest = f"{client.url}/v1"
        raise Cancelled(
            f"Interrupted; the job {job.id} {'has ended' if ended(job.document) else 'continues'} in the service.",
            fix=f"Follow it, cancel it and download its models at {page}, or with GET {rest}/jobs/{job.id}, "
            f"POST {rest}/jobs/{job.id}/cancel and GET {rest}/models?job={job.id}. The same command again queues another job.",
            facts={"job": job.id},
        ) from error


def _answer(job: Job) -> dict[str, Any]:
    """The result of a job that ended."""
    if job.document.error is not None:
        raise ApiError.from_problem(job.document.error.model_dump())
    if job.document.result is None:
        raise RemoteJobEnded(f"The job {job.id} is {job.state}.", fix="Run the same command again: it continues.")
    found: dict[str, Any] = job.document.result.model_dump(mode="json", warnings=False)
    return found


def _with_bundle(outcome: dict[str, Any], model: Model, folder: Path) -> dict[str, Any]:
    """A model's outcome in the engine's form, with the bundle downloaded."""
    target = model.download(folder / "".join(c if c.isalnum() else "-" for c in model.document.target))
    return {**outcome, "bundle": str(target.resolve())}


def wire_space(space: str | dict[str, Any]) -> str | dict[str, Any]:
    """A space as a service takes it: a name, or a declaration.

    Raises:
        InvalidSpec: it is code.
        InvalidSpace: its file has none.
    """
    if isinstance(space, dict):
        return space
    if space.partition(":")[0].endswith(".py"):
        raise InvalidSpec(
            "A service takes no code, and this space is Python.",
            fix="Declare the space in YAML, or search without --server.",
        )
    if not space.endswith((".yaml", ".yml")):
        return space
    declared: Any = read_yaml(Path(space), "a space", InvalidSpace)
    if not isinstance(declared, dict):
        raise InvalidSpace(f"{space} has no space.", fix="Give a YAML file of a space.")
    return declared


def uploaded(client: Client, source: str) -> str:
    """The id of a data set with the content of a file or folder: one that the service has, or else it is uploaded.

    Raises:
        InvalidData: there is none.
    """
    try:
        path = Path(source).expanduser()
        path.stat()
    except (OSError, RuntimeError, ValueError) as error:
        from nas.data.fingerprint import missing

        raise missing(source, error) from error
    name = "".join(c if c.isalnum() else "-" for c in path.stem).strip("-") or None
    with _archive_of(path) as file:
        return _uploaded_before(client, sha256_of(file)) or client.upload(file, name=name).id


def uploaded_network(client: Client, source: str) -> str:
    """The id of a network with the content of an ONNX file or a delivered model: one that the service has, or else it is uploaded.

    Raises:
        SourceUnavailable: there is none.
        UnreadableModel, InvalidSpace: it is not one that a search can start from.
    """
    network = OwnSource.of(Path(source).expanduser())
    name = network.name.lstrip("-._") or None
    return _with_hash(client.networks(), network.sha256) or client.upload_network(network.space, name=name).id


def _uploaded_before(client: Client, sha256: str) -> str | None:
    return _with_hash(client.datasets(), sha256)


def _with_hash(documents: Iterator[DatasetDocument] | Iterator[NetworkDocument], sha256: str) -> str | None:
    """The id of the first that has this content."""
    try:
        return next((found.id for found in documents if found.sha256 == sha256), None)
    except ApiError as error:
        if error.code != ScopeMissing.code:
            raise
        return None  # a key that may upload need not be one that may look


@contextlib.contextmanager
def _archive_of(path: Path) -> Iterator[Path]:
    """A file to upload: the `.npz` itself, or a zip of the folder, which is the same for the same names and content."""
    if not path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "images.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
            for file in sorted(path.rglob("*")):
                if file.is_file() and not file.is_symlink():
                    entry = zipfile.ZipInfo(file.relative_to(path).as_posix())
                    with file.open("rb") as content, packed.open(entry, "w", force_zip64=True) as sink:
                        shutil.copyfileobj(content, sink)
        yield archive
