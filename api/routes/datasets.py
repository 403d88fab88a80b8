"""Routes of data sets."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.access import DatasetsReader, DatasetsWriter
from api.datasets.schemas import DatasetDocument, DatasetPage
from api.datasets.service import Datasets, Upload, UploadMetadata, body_too_large
from api.dependencies import DatasetsService, SettingsValue
from api.errors import (
    BodyTimeout,
    BodyTooLarge,
    CheckFailed,
    DatasetInUse,
    IdempotencyMismatch,
    InvalidPageToken,
    PreconditionFailed,
    QuotaExceeded,
    ScopeMissing,
    UnknownDataset,
    UnsafeArchive,
    UnsupportedMediaType,
)
from api.etags import IfMatch, check_if_match, with_etag
from api.idempotency import REPLAYED_HEADER, IdempotencyKey
from api.ids import id_pattern
from api.pagination import PageSize, PageToken
from api.problems import links, problems
from api.settings import Settings
from api.tenancy import Subject
from nas.errors import InvalidData, OutOfSpace, UnwritableFolder

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

MEDIA_TYPES = ("application/zip", "application/octet-stream")
_BUFFER = 1 << 20

DatasetId = Annotated[str, Path(pattern=id_pattern("ds"))]


@router.post(
    "",
    operation_id="create_dataset",
    status_code=201,
    summary="Upload a data set",
    responses=links(
        problems(
            InvalidData,
            BodyTimeout,
            BodyTooLarge,
            UnsupportedMediaType,
            UnsafeArchive,
            CheckFailed,
            OutOfSpace,
            UnwritableFolder,
            QuotaExceeded,
            ScopeMissing,
            IdempotencyMismatch,
        ),
        "dataset_id",
        "get_dataset",
        "delete_dataset",
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "An `.npz` with `train_x` and `train_y`, or a zip of a folder of class folders.",
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES},
        }
    },
)
async def create_dataset(
    request: Request,
    response: Response,
    subject: DatasetsWriter,
    datasets: DatasetsService,
    settings: SettingsValue,
    name: Annotated[str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._\-]{0,99}$", description="for people")] = "data set",
    idempotency_key: IdempotencyKey = None,
) -> DatasetDocument:
    """Streams the body to the disk and checks it in a process of its own; 201 once it can be searched on."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in MEDIA_TYPES:
        raise UnsupportedMediaType(
            f"A data set cannot be sent as {kind or 'nothing'!r}.",
            fix=f"Send an .npz or a .zip with Content-Type: {MEDIA_TYPES[0]}.",
        )
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > settings.max_upload_bytes:
        raise body_too_large(settings.max_upload_bytes)
    made, fresh = await _receive(request, subject, datasets, settings, UploadMetadata(name, idempotency_key))
    response.headers["Location"] = f"/v1/datasets/{made.id}"
    if not fresh:
        response.headers[REPLAYED_HEADER] = "true"
    return made


async def _receive(
    request: Request, subject: Subject, datasets: Datasets, settings: Settings, metadata: UploadMetadata
) -> tuple[DatasetDocument, bool]:
    upload = Upload(settings)
    stream = request.stream().__aiter__()
    buffer = bytearray()
    try:
        while True:
            try:
                chunk = await asyncio.wait_for(anext(stream, None), settings.body_timeout_s)
            except (TimeoutError, ClientDisconnect):
                raise BodyTimeout("The upload stopped before its end.", fix="Send it again.") from None
            if chunk is not None:
                buffer += chunk
            if buffer and (chunk is None or len(buffer) >= _BUFFER):
                await run_in_threadpool(upload.write, bytes(buffer))
                buffer.clear()
            if chunk is None:
                break
        async with request.app.state.upload_limiter.slot(subject.tenant_id, request):
            return await run_in_threadpool(datasets.accept, subject, upload, metadata)
    finally:
        await run_in_threadpool(upload.discard)


@router.get(
    "", operation_id="list_datasets", summary="List data sets", responses=problems(InvalidPageToken, ScopeMissing)
)
def list_datasets(
    subject: DatasetsReader, datasets: DatasetsService, page_size: PageSize = 50, page_token: PageToken = None
) -> DatasetPage:
    """Uploaded data sets, newest first. `digits` is built in and not listed."""
    return datasets.page(subject, size=page_size, token=page_token)


@router.get(
    "/{dataset_id}",
    operation_id="get_dataset",
    summary="Get a data set",
    responses=problems(UnknownDataset, ScopeMissing),
)
def get_dataset(
    dataset_id: DatasetId, subject: DatasetsReader, datasets: DatasetsService, response: Response
) -> DatasetDocument:
    """One data set."""
    return with_etag(datasets.get(subject, dataset_id), response)


@router.delete(
    "/{dataset_id}",
    operation_id="delete_dataset",
    status_code=204,
    summary="Delete a data set",
    responses=problems(UnknownDataset, DatasetInUse, PreconditionFailed, ScopeMissing),
)
def delete_dataset(
    dataset_id: DatasetId, subject: DatasetsWriter, datasets: DatasetsService, if_match: IfMatch = None
) -> None:
    """Removes the data set with its files, when no job reads it that has not ended."""

    def check(dataset: DatasetDocument) -> None:
        if if_match is not None:
            check_if_match(if_match, dataset)

    datasets.remove(subject, dataset_id, check)
