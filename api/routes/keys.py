"""Routes of keys, sessions and tenants."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.access import SESSION_COOKIE, Admin, Authenticated, KeysCreator, KeysReader, KeysWriter
from api.dependencies import KeysService
from api.errors import (
    IdempotencyMismatch,
    InvalidPageToken,
    PreconditionFailed,
    ScopeMissing,
    SecretShown,
    TenantExists,
    Unauthenticated,
    UnknownKey,
    UnknownTenant,
)
from api.etags import IfMatch, check_if_match, with_etag
from api.idempotency import REPLAYED_HEADER, IdempotencyKey, Idempotent
from api.ids import id_pattern
from api.keys.schemas import (
    ApiKeyCreate,
    ApiKeyDocument,
    ApiKeyMade,
    ApiKeyPage,
    SessionCreate,
    SessionDocument,
    TenantCreate,
    TenantDocument,
    TenantPage,
)
from api.keys.service import SESSION_S, Keys
from api.pagination import PageSize, PageToken
from api.problems import links, problems
from api.strict_json import BODY_ERRORS, StrictRoute
from api.tenancy import SCOPES, Subject

router = APIRouter(prefix="/v1", tags=["keys"], route_class=StrictRoute)

KeyId = Annotated[str, Path(pattern=id_pattern("key"))]
TenantId = Annotated[str, Path(pattern=id_pattern("ten"))]


@router.post(
    "/api-keys",
    operation_id="create_api_key",
    status_code=201,
    summary="Make a key",
    responses=links(
        problems(*BODY_ERRORS, ScopeMissing, UnknownTenant, SecretShown, IdempotencyMismatch),
        "key_id",
        "get_api_key",
        "delete_api_key",
    ),
)
def create_api_key(
    new: ApiKeyCreate,
    subject: KeysCreator,
    keys: KeysService,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> ApiKeyMade:
    """A key of the same tenant with at most the same scopes; an administrator's may differ. Its secret is shown only once.

    Sent again with its `Idempotency-Key` it makes no second key, and names the first: its secret is not stored.
    """
    made = keys.create(subject, new, _idempotent("create_api_key", idempotency_key, new))
    response.headers["Location"] = f"/v1/api-keys/{made.id}"
    return made


@router.get(
    "/api-keys", operation_id="list_api_keys", summary="List keys", responses=problems(InvalidPageToken, ScopeMissing)
)
def list_api_keys(
    subject: KeysReader, keys: KeysService, page_size: PageSize = 50, page_token: PageToken = None
) -> ApiKeyPage:
    """Keys of the tenant, newest first, without their secrets."""
    return keys.page(subject, size=page_size, token=page_token)


@router.get(
    "/api-keys/{key_id}", operation_id="get_api_key", summary="Get a key", responses=problems(UnknownKey, ScopeMissing)
)
def get_api_key(key_id: KeyId, subject: KeysReader, keys: KeysService, response: Response) -> ApiKeyDocument:
    """One key, without its secret."""
    return with_etag(keys.get(subject, key_id), response)


@router.delete(
    "/api-keys/{key_id}",
    operation_id="delete_api_key",
    status_code=204,
    summary="Revoke a key",
    responses=problems(UnknownKey, ScopeMissing, PreconditionFailed),
)
def delete_api_key(key_id: KeyId, subject: KeysWriter, keys: KeysService, if_match: IfMatch = None) -> None:
    """Ends a key and its sessions for good, if this key could have made it. It stays on the list, with `revoked_at`."""
    if if_match is not None:
        check_if_match(if_match, keys.get(subject, key_id))
    keys.revoke(subject, key_id)


@router.post(
    "/sessions",
    operation_id="create_session",
    status_code=201,
    summary="Sign in",
    responses=problems(*BODY_ERRORS, Unauthenticated, public=True),
)
async def create_session(
    new: SessionCreate, keys: KeysService, request: Request, response: Response
) -> SessionDocument:
    """Trades a key for a cookie (HttpOnly, SameSite=Strict), for browsers. Writes need `csrf_token` beside it."""
    subject, cookie = await run_in_threadpool(keys.sign_in, new.key)
    set_cookie(response, cookie, request)
    return _session(subject)


@router.get("/sessions", operation_id="get_session", summary="Who is signed in", responses=problems())
async def get_session(subject: Authenticated) -> SessionDocument:
    """The tenant and the scopes of the session or key that the request came with."""
    return _session(subject)


@router.delete("/sessions", operation_id="delete_session", status_code=204, summary="Sign out", responses=problems())
async def delete_session(_subject: Authenticated, keys: KeysService, request: Request, response: Response) -> None:
    """Ends the session that the request came with; a key stays valid."""
    await end_session(keys, request, response)


@router.post(
    "/tenants",
    operation_id="create_tenant",
    status_code=201,
    summary="Make a tenant",
    responses=links(problems(*BODY_ERRORS, ScopeMissing, TenantExists, IdempotencyMismatch), "tenant_id", "get_tenant"),
)
def create_tenant(
    new: TenantCreate,
    subject: Admin,
    keys: KeysService,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> TenantDocument:
    """A tenant without keys; make its first with `POST /v1/api-keys` and its `tenant_id`."""
    made, fresh = keys.create_tenant(subject, new, _idempotent("create_tenant", idempotency_key, new))
    response.headers["Location"] = f"/v1/tenants/{made.id}"
    if not fresh:
        response.headers[REPLAYED_HEADER] = "true"
    return made


@router.get(
    "/tenants", operation_id="list_tenants", summary="List tenants", responses=problems(InvalidPageToken, ScopeMissing)
)
def list_tenants(
    _subject: Admin, keys: KeysService, page_size: PageSize = 50, page_token: PageToken = None
) -> TenantPage:
    """All tenants, newest first."""
    return keys.tenant_page(size=page_size, token=page_token)


@router.get(
    "/tenants/{tenant_id}",
    operation_id="get_tenant",
    summary="Get a tenant",
    responses=problems(UnknownTenant, ScopeMissing),
)
def get_tenant(tenant_id: TenantId, _subject: Admin, keys: KeysService) -> TenantDocument:
    """One tenant with its limits."""
    return keys.tenant(tenant_id)


def set_cookie(response: Response, cookie: str, request: Request) -> None:
    """Sets the session cookie of a browser."""
    response.set_cookie(
        SESSION_COOKIE,
        cookie,
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


async def end_session(keys: Keys, request: Request, response: Response) -> None:
    """Ends a browser's session and deletes its cookie."""
    cookie = request.cookies.get(SESSION_COOKIE)
    if cookie is not None:
        await run_in_threadpool(keys.sign_out, cookie)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")


def _idempotent(route: str, key: str | None, new: BaseModel) -> Idempotent | None:
    return None if key is None else Idempotent.from_body(route, key, new.model_dump_json().encode())


def _session(subject: Subject) -> SessionDocument:
    return SessionDocument(
        tenant_id=subject.tenant_id,
        key_id=subject.key_id,
        scopes=tuple(scope for scope in SCOPES if scope in subject.scopes),
        csrf_token=subject.csrf,
    )
