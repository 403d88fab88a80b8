"""`hwnas --server URL search` and `export`: the same commands, with the work done by a service. Files are uploaded."""

import contextlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from api.client.sync import Client, Job, Model
from api.errors import ApiError, RemoteJobEnded
from nas.cli.answer import Answer
from nas.cli.export import Wanted
from nas.errors import InvalidSpec
from nas.result import ExportResult, SearchResult
from nas.spec import SearchSpec

DIGITS: Final = "digits"


def elsewhere(url: str) -> Callable[[SearchSpec, Path, bool], Answer]:
    """What runs searches on the service at an address."""

    def execute(spec: SearchSpec, out: Path, quiet: bool) -> Answer:
        from nas.cli.report import render_result

        with Client(url) as client:
            result = search(client, spec, out, quiet=quiet)
        return Answer(result.model_dump(mode="json"), lambda console: render_result(console, result))

    return execute


def export_elsewhere(url: str) -> Callable[[Wanted, Path, bool], Answer]:
    """What runs exports on the service at an address."""

    def execute(wanted: Wanted, out: Path, quiet: bool) -> Answer:
        from nas.cli.report import render_export

        with Client(url) as client:
            result = export(client, wanted, out, quiet=quiet)
        return Answer(result.model_dump(mode="json"), lambda console: render_export(console, result))

    return execute


def export(client: Client, wanted: Wanted, out: Path, *, quiet: bool) -> ExportResult:
    """Queues an export, waits for it, and downloads its model into a folder named after the job.

    Raises:
        ApiError: the service refuses it, or it failed there.
        RemoteJobEnded: someone cancelled it.
    """
    job = client.export(wanted.run, wanted.architecture, target=wanted.target)
    answer = _answer(job.wait(progress=not quiet))
    (model,) = job.models()
    return ExportResult.model_validate(
        {**answer, "run": job.id, "model": _placed(answer["model"], model, out / job.id)}
    )


def search(client: Client, spec: SearchSpec, out: Path, *, quiet: bool) -> SearchResult:
    """Queues a search, waits for it, and downloads its models into a folder named after the job.

    Raises:
        ApiError: the service refuses it, or the search failed there.
        InvalidSpec: the space is code, which a service does not take.
        RemoteJobEnded: someone cancelled it.
    """
    fields: dict[str, Any] = spec.model_dump(mode="json", exclude_none=True)
    fields["space"] = _space(spec.space)
    if spec.data != DIGITS:
        fields["data"] = _uploaded(client, Path(spec.data))
    return _fetched(client.submit({"kind": "search", **fields}).wait(progress=not quiet), out)


def _answer(job: Job) -> dict[str, Any]:
    """The result of a job that ended."""
    if job.document.error is not None:
        raise ApiError.of(job.document.error.model_dump())
    if job.document.result is None:
        raise RemoteJobEnded(f"The job {job.id} is {job.state}.", fix="Run the same command again: it continues.")
    found: dict[str, Any] = job.document.result.model_dump(mode="json")
    return found


def _fetched(job: Job, out: Path) -> SearchResult:
    answer = _answer(job)
    for model in job.models():
        target = model.document.target
        answer["models"][target] = _placed(answer["models"][target], model, out / job.id)
    return SearchResult.model_validate({**answer, "run": job.id})


def _placed(outcome: dict[str, Any], model: Model, folder: Path) -> dict[str, Any]:
    """A model's outcome as the engine tells it, with the bundle downloaded."""
    place = model.download(folder / "".join(c if c.isalnum() else "-" for c in model.document.target))
    return {**{name: value for name, value in outcome.items() if name != "model_id"}, "bundle": str(place.resolve())}


def _space(space: str | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(space, dict):
        return space
    if space.partition(":")[0].endswith(".py"):
        raise InvalidSpec(
            "A service takes no code, and this space is Python.",
            fix="Declare the space in YAML, or search without --server.",
        )
    if not space.endswith((".yaml", ".yml")):
        return space
    import yaml

    try:
        declared = yaml.safe_load(Path(space).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidSpec(f"Cannot read {space}: {error}.", fix="Give a YAML file of a space.") from error
    if not isinstance(declared, dict):
        raise InvalidSpec(f"{space} holds no space.", fix="Give a YAML file of a space.")
    return declared


def _uploaded(client: Client, path: Path) -> str:
    with _packed(path) as file:
        return client.upload(file, name="".join(c if c.isalnum() else "-" for c in path.stem).strip("-") or None).id


@contextlib.contextmanager
def _packed(path: Path) -> Iterator[Path]:
    """A file to upload: the `.npz` itself, or a zip of the folder."""
    if not path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "images.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
            for file in sorted(path.rglob("*")):
                if file.is_file() and not file.is_symlink():
                    packed.write(file, file.relative_to(path))
        yield archive
