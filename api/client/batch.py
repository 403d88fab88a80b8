"""`hwnas --server URL batch`: the same command, with the work done by a service. Data are uploaded, report and bundles downloaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from api.client.search import DIGITS, result_of, service, uploaded, uploaded_network, wire_space
from api.client.sync import Client
from nas.batch.result import BatchResult
from nas.batch.spec import BatchSpec
from nas.cli.answer import Answer
from nas.errors import InvalidBatch
from nas.stages.choose_source import is_path

LOCAL_OPTIONS: Final = ("teacher", "work", "supernet_targets")
"""Options of a search that a service does not take."""


def remote_batch(url: str) -> Callable[[BatchSpec, Path, bool, bool], Answer]:
    """A function that runs batches, or only prices them, on the service at an address."""

    def execute(spec: BatchSpec, out: Path, quiet: bool, plan: bool) -> Answer:
        from nas.cli.batch_report import render_batch, render_plan

        with service(url) as client:
            fields = _fields(client, spec)
            if plan:
                priced = client.validate_batch(**fields)
                document = priced.model_dump(mode="json", exclude={"spec"})
                return Answer(
                    {**document, "total_s": round(priced.total_s, 1)}, lambda console: render_plan(console, priced)
                )
            result, files = batch(client, spec, fields, out, quiet=quiet)
        document = {**result.model_dump(mode="json"), "files": files}
        return Answer(document, lambda console: render_batch(console, result, files))

    return execute


def batch(
    client: Client, spec: BatchSpec, fields: dict[str, Any], out: Path, *, quiet: bool
) -> tuple[BatchResult, list[str]]:
    """Queues a batch, waits for it, and downloads its report and the bundle of each cell.

    Args:
        client: of the service.
        spec: of the batch.
        fields: of its spec on the wire.
        out: the report goes into its folder of the batch's name, bundles into folders named after their cells.
        quiet: draw no progress.

    Returns:
        The result, with the data sets' names in the service, and the report's files.

    Raises:
        ApiError: the service rejects it, or it failed there.
        RemoteJobEnded: someone cancelled it.
        Cancelled: this process was interrupted; the job continues.
    """
    from nas.batch.report import FILES, JSON

    job = client.batch(**fields)
    with result_of(client, job, quiet=quiet):
        folder = job.download(out / spec.name)
        for model in job.models():
            model.download(out / str(model.document.cell))
    result = BatchResult.model_validate_json((folder / JSON).read_bytes())
    return result, [str(folder / name) for name in FILES]


def _fields(client: Client, spec: BatchSpec) -> dict[str, Any]:
    """A batch with ids of the service in place of files, which are uploaded.

    Raises:
        InvalidBatch: it has an option that a service does not take.
        InvalidData, InvalidSpace, InvalidSpec, SourceUnavailable, UnreadableModel: a file is not what it should be.
    """
    fields = spec.model_dump(mode="json", exclude_none=True, exclude={"labels"})
    search = dict(fields["search"])
    for name in LOCAL_OPTIONS:
        if name in search:
            raise InvalidBatch(f"A service takes no {name}.", fix=f"Remove {name}, or run the batch without --server.")
    start = search.get("start_from")
    if isinstance(start, str) and is_path(start):
        search["start_from"] = uploaded_network(client, start)
    ids = {data: data if data == DIGITS else uploaded(client, data) for data in spec.data}
    exclude = [{**one, **({"data": ids[one["data"]]} if "data" in one else {})} for one in fields["exclude"]]
    spaces = [wire_space(space) for space in spec.spaces]
    return {**fields, "data": list(ids.values()), "spaces": spaces, "search": search, "exclude": exclude}
