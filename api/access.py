"""Authentication and authorisation of requests: who calls, by key or session cookie, and with which scopes.

Not here: the routes that answer without either (`routes/public.py`).
"""

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from api.errors import CsrfTokenMissing, ScopeMissing, Unauthenticated
from api.keys.service import Keys
from api.rate_limiter import RateLimiter
from api.tenancy import Scope, Subject

SESSION_COOKIE: Final = "hwnas_session"
CSRF_HEADER: Final = "x-csrf-token"

_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="a key, as `nas_...`")
_cookie = APIKeyCookie(
    name=SESSION_COOKIE, auto_error=False, scheme_name="session", description="set by `POST /v1/sessions`"
)


async def authenticate(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Subject:
    """The caller of a request.

    Raises:
        Unauthenticated: no valid key or session came with it.
        CsrfTokenMissing: a write with a cookie lacks the CSRF token.
        TooManyRequests: the key is over its rate limit.
    """
    keys: Keys = request.app.state.keys
    if bearer is not None:
        secret = bearer.credentials
        subject = keys.cached(secret=secret)
        if subject is None:
            subject = await run_in_threadpool(keys.authenticate_key, secret)
    elif cookie is not None and "authorization" not in request.headers:
        subject = keys.cached(cookie=cookie)
        if subject is None:
            subject = await run_in_threadpool(keys.authenticate_session, cookie)
        sent = request.headers.get(CSRF_HEADER, "")
        if request.method not in _SAFE_METHODS and not hmac.compare_digest(
            sent.encode(), (subject.csrf or "").encode()
        ):
            raise CsrfTokenMissing(
                "A write with a cookie needs the session's CSRF token.",
                fix="Send csrf_token of GET /v1/sessions as X-CSRF-Token.",
            )
    else:
        raise Unauthenticated("This needs a key.", fix="Send Authorization: Bearer with a key, or sign in.")
    request.scope["state"]["key_id"] = subject.key_id
    limiter: RateLimiter = request.app.state.rate_limiter
    request.scope["state"]["rate"] = limiter.acquire(subject.key_id)
    return subject


def _require_scope(scope: Scope, *others: Scope) -> Callable[[Subject], Coroutine[Any, Any, Subject]]:
    """A dependency that lets a key in that has the scope, or one of the others."""

    async def allowed(subject: Annotated[Subject, Depends(authenticate)]) -> Subject:
        if subject.scopes.isdisjoint((scope, *others)):
            raise ScopeMissing(f"This needs the scope {scope}.", fix="Use a key that has it.", facts={"scope": scope})
        return subject

    return allowed


Authenticated = Annotated[Subject, Depends(authenticate)]
JobsReader = Annotated[Subject, Depends(_require_scope("jobs:read"))]
JobsWriter = Annotated[Subject, Depends(_require_scope("jobs:write"))]
DatasetsReader = Annotated[Subject, Depends(_require_scope("datasets:read"))]
DatasetsWriter = Annotated[Subject, Depends(_require_scope("datasets:write"))]
ModelsReader = Annotated[Subject, Depends(_require_scope("models:read"))]
ModelsWriter = Annotated[Subject, Depends(_require_scope("models:write"))]
KeysReader = Annotated[Subject, Depends(_require_scope("keys:read"))]
KeysWriter = Annotated[Subject, Depends(_require_scope("keys:write"))]
KeysCreator = Annotated[Subject, Depends(_require_scope("keys:write", "admin"))]
Admin = Annotated[Subject, Depends(_require_scope("admin"))]
