"""Routes of delivered models and of their files."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import StringConstraints
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import FileResponse

from api.access import ModelsReader, ModelsWriter
from api.dependencies import ModelsService
from api.errors import (
    InvalidPageToken,
    PreconditionFailed,
    RangeNotSatisfiable,
    ScopeMissing,
    UnknownArtifact,
    UnknownModel,
)
from api.etags import IfMatch, check_if_match, with_etag
from api.ids import id_pattern
from api.models.schemas import ModelDocument, ModelPage
from api.pagination import PageSize, PageToken
from api.problems import problems
from api.routes.downloads import CONTENT, ArtifactName, download

router = APIRouter(prefix="/v1/models", tags=["models"])

ModelId = Annotated[str, Path(pattern=id_pattern("mdl"))]


@router.get("", operation_id="list_models", summary="List models", responses=problems(InvalidPageToken, ScopeMissing))
def list_models(
    subject: ModelsReader,
    models: ModelsService,
    job: Annotated[
        Annotated[str, StringConstraints(pattern=id_pattern("job"))] | SkipJsonSchema[None],
        Query(description="only of this job"),
    ] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> ModelPage:
    """Delivered models, newest first."""
    return models.page(subject, job_id=job, size=page_size, token=page_token)


@router.get(
    "/{model_id}", operation_id="get_model", summary="Get a model", responses=problems(UnknownModel, ScopeMissing)
)
def get_model(model_id: ModelId, subject: ModelsReader, models: ModelsService, response: Response) -> ModelDocument:
    """One model with its figures and the list of its files."""
    return with_etag(models.get(subject, model_id), response)


@router.delete(
    "/{model_id}",
    operation_id="delete_model",
    status_code=204,
    summary="Delete a model",
    responses=problems(UnknownModel, PreconditionFailed, ScopeMissing),
)
def delete_model(model_id: ModelId, subject: ModelsWriter, models: ModelsService, if_match: IfMatch = None) -> None:
    """Removes the model. Its files go within a day, unless another model has the same."""

    def check(model: ModelDocument) -> None:
        if if_match is not None:
            check_if_match(if_match, model)

    models.remove(subject, model_id, check)


@router.get(
    "/{model_id}/artifacts/{name}",
    operation_id="get_artifact",
    summary="Download a file of a model",
    response_class=FileResponse,
    responses={**problems(UnknownModel, UnknownArtifact, RangeNotSatisfiable, ScopeMissing), **CONTENT},
)
@router.head(
    "/{model_id}/artifacts/{name}",
    operation_id="head_artifact",
    summary="Length and hash of a file",
    response_class=FileResponse,
    responses={**problems(UnknownModel, UnknownArtifact, RangeNotSatisfiable, ScopeMissing), **CONTENT},
)
def get_artifact(
    model_id: ModelId, name: ArtifactName, subject: ModelsReader, models: ModelsService, request: Request
) -> Response:
    """A file, whole or in part (`Range`, `If-Range`). Its `ETag` is the hash of its content."""
    return download(models.artifact(subject, model_id, name), request)
