"""Routes of data sets."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.access import DatasetsReader, DatasetsWriter
from api.datasets.schemas import DatasetDocument, DatasetPage
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
from api.uploads import Upload, UploadMetadata, check_headers, receive
from nas.errors import InvalidData, OutOfSpace, UnwritableFolder

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

MEDIA_TYPES = ("application/zip", "application/octet-stream")

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
    check_headers(request, "A data set", MEDIA_TYPES, settings.max_upload_bytes)
    upload = Upload(settings, "ds", settings.max_upload_bytes, "an .npz or a .zip")
    metadata = UploadMetadata(name, idempotency_key)
    made, fresh = await receive(
        request, subject, upload, settings.body_timeout_s, lambda sent: datasets.accept(subject, sent, metadata)
    )
    response.headers["Location"] = f"/v1/datasets/{made.id}"
    if not fresh:
        response.headers[REPLAYED_HEADER] = "true"
    return made


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
