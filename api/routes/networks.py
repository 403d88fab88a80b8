"""Routes of trained networks of users, which a search can start from."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.access import DatasetsReader, DatasetsWriter
from api.dependencies import NetworksService, SettingsValue
from api.errors import (
    BodyTimeout,
    BodyTooLarge,
    CheckFailed,
    IdempotencyMismatch,
    InvalidPageToken,
    NetworkInUse,
    PreconditionFailed,
    QuotaExceeded,
    ScopeMissing,
    UnknownNetwork,
    UnsupportedMediaType,
)
from api.etags import IfMatch, check_if_match, with_etag
from api.idempotency import REPLAYED_HEADER, IdempotencyKey
from api.ids import id_pattern
from api.networks.schemas import NetworkDocument, NetworkPage
from api.pagination import PageSize, PageToken
from api.problems import links, problems
from api.uploads import Upload, UploadMetadata, check_headers, receive
from nas.errors import InvalidData, OutOfSpace, UnwritableFolder
from search_spaces.errors import InvalidSpace, UnreadableModel

router = APIRouter(prefix="/v1/networks", tags=["networks"])

MEDIA_TYPES = ("application/octet-stream",)

NetworkId = Annotated[str, Path(pattern=id_pattern("net"))]


@router.post(
    "",
    operation_id="create_network",
    status_code=201,
    summary="Upload a trained network",
    responses=links(
        problems(
            InvalidData,
            UnreadableModel,
            InvalidSpace,
            BodyTimeout,
            BodyTooLarge,
            UnsupportedMediaType,
            CheckFailed,
            OutOfSpace,
            UnwritableFolder,
            QuotaExceeded,
            ScopeMissing,
            IdempotencyMismatch,
        ),
        "network_id",
        "get_network",
        "delete_network",
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "An ONNX file of a classifier in floating point, its weights inside.",
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES},
        }
    },
)
async def create_network(
    request: Request,
    response: Response,
    subject: DatasetsWriter,
    networks: NetworksService,
    settings: SettingsValue,
    name: Annotated[str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._\-]{0,63}$", description="for people")] = "network",
    idempotency_key: IdempotencyKey = None,
) -> NetworkDocument:
    """Streams the body to the disk and checks it in a process of its own; 201 once a search can start from it."""
    check_headers(request, "A network", MEDIA_TYPES, settings.max_network_bytes)
    upload = Upload(settings, "net", settings.max_network_bytes, "an ONNX file")
    metadata = UploadMetadata(name, idempotency_key)
    made, fresh = await receive(
        request, subject, upload, settings.body_timeout_s, lambda sent: networks.accept(subject, sent, metadata)
    )
    response.headers["Location"] = f"/v1/networks/{made.id}"
    if not fresh:
        response.headers[REPLAYED_HEADER] = "true"
    return made


@router.get(
    "", operation_id="list_networks", summary="List own networks", responses=problems(InvalidPageToken, ScopeMissing)
)
def list_networks(
    subject: DatasetsReader, networks: NetworksService, page_size: PageSize = 50, page_token: PageToken = None
) -> NetworkPage:
    """Uploaded networks, newest first. Published ones are in `GET /v1/sources`."""
    return networks.page(subject, size=page_size, token=page_token)


@router.get(
    "/{network_id}",
    operation_id="get_network",
    summary="Get an own network",
    responses=problems(UnknownNetwork, ScopeMissing),
)
def get_network(
    network_id: NetworkId, subject: DatasetsReader, networks: NetworksService, response: Response
) -> NetworkDocument:
    """One network, with what of it can shrink."""
    return with_etag(networks.get(subject, network_id), response)


@router.delete(
    "/{network_id}",
    operation_id="delete_network",
    status_code=204,
    summary="Delete an own network",
    responses=problems(UnknownNetwork, NetworkInUse, PreconditionFailed, ScopeMissing),
)
def delete_network(
    network_id: NetworkId, subject: DatasetsWriter, networks: NetworksService, if_match: IfMatch = None
) -> None:
    """Removes the network with its file, when no job starts from it that has not ended."""

    def check(network: NetworkDocument) -> None:
        if if_match is not None:
            check_if_match(if_match, network)

    networks.remove(subject, network_id, check)
