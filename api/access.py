"""Who may call which route. Every route asks for a key or a session, but for those that `PUBLIC` names.

`lock` refuses to build an application that has another open route, so that none is forgotten.
"""

import hmac
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute

from api.dashboard_files import FILES, VIEWS
from api.errors import CsrfTokenMissing, ScopeMissing, TooManyRequests, Unauthenticated
from api.keys.service import Keys
from api.tenancy import Scope, Subject

PUBLIC: Final = frozenset(
    {
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/version"),
        ("GET", "/openapi.json"),
        ("HEAD", "/openapi.json"),
        ("GET", "/problems/{code}"),
        ("GET", "/static/plain.css"),
        ("POST", "/v1/sessions"),
        *((method, path) for path in (*VIEWS, *FILES) for method in ("GET", "HEAD")),
    }
)
"""The routes that answer without a key: liveness, readiness, version, the interface's description, the dashboard's
files (which hold no one's data), signing in."""

NO_KEY: Final = "This needs a key."
COOKIE: Final = "hwnas_session"
CSRF_HEADER: Final = "x-csrf-token"

_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="a key, as `nas_...`")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="session", description="set by `POST /v1/sessions`")


async def authenticate(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Subject:
    """Who asks.

    Raises:
        Unauthenticated: nobody who is known.
        CsrfTokenMissing: a browser's write without its token.
        TooManyRequests: too often.
    """
    keys: Keys = request.app.state.keys
    if bearer is not None:
        secret = bearer.credentials
        subject = keys.recognised(secret=secret)
        if subject is None:
            subject = await run_in_threadpool(keys.recognise, secret)
    elif cookie is not None and "authorization" not in request.headers:
        subject = keys.recognised(cookie=cookie)
        if subject is None:
            subject = await run_in_threadpool(keys.recognise_session, cookie)
        sent = request.headers.get(CSRF_HEADER, "")
        if request.method not in _SAFE and not hmac.compare_digest(sent.encode(), (subject.csrf or "").encode()):
            raise CsrfTokenMissing(
                "A write with a cookie needs the session's CSRF token.",
                fix="Send csrf_token of GET /v1/sessions as X-CSRF-Token.",
            )
    else:
        raise Unauthenticated(NO_KEY, fix="Send Authorization: Bearer with a key, or sign in.")
    request.scope["state"]["key_id"] = subject.key_id
    buckets: Buckets = request.app.state.buckets
    request.scope["state"]["rate"] = buckets.take(subject.key_id)
    return subject


def _with_scope(scope: Scope, *others: Scope) -> Callable[[Subject], Coroutine[Any, Any, Subject]]:
    """A key that has the scope, or one of the others, which do as well."""

    async def allowed(subject: Annotated[Subject, Depends(authenticate)]) -> Subject:
        if subject.scopes.isdisjoint((scope, *others)):
            raise ScopeMissing(f"This needs the scope {scope}.", fix="Use a key that has it.", facts={"scope": scope})
        return subject

    return allowed


Anyone = Annotated[Subject, Depends(authenticate)]
JobsReader = Annotated[Subject, Depends(_with_scope("jobs:read"))]
JobsWriter = Annotated[Subject, Depends(_with_scope("jobs:write"))]
DatasetsReader = Annotated[Subject, Depends(_with_scope("datasets:read"))]
DatasetsWriter = Annotated[Subject, Depends(_with_scope("datasets:write"))]
ModelsReader = Annotated[Subject, Depends(_with_scope("models:read"))]
ModelsWriter = Annotated[Subject, Depends(_with_scope("models:write"))]
KeysReader = Annotated[Subject, Depends(_with_scope("keys:read"))]
KeysWriter = Annotated[Subject, Depends(_with_scope("keys:write"))]
KeysMaker = Annotated[Subject, Depends(_with_scope("keys:write", "admin"))]
Admin = Annotated[Subject, Depends(_with_scope("admin"))]


def lock(routes: Iterable[BaseRoute]) -> None:
    """Refuses routes that are neither public nor ask who calls.

    Raises:
        AssertionError: there is one; the program is wrong.
    """
    for route in routes:
        asks = isinstance(route, APIRoute) and _asks(route.dependant)
        for method in getattr(route, "methods", None) or {"GET"}:
            path = getattr(route, "path", "")
            if not asks and (method, path) not in PUBLIC:
                raise AssertionError(f"{method} {path} is open to everyone and not on the list of public routes")


def _asks(dependant: Dependant) -> bool:
    return dependant.call is authenticate or any(_asks(inner) for inner in dependant.dependencies)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """A token bucket for each key, in this process. Only the event loop touches them, so they need no lock."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key_id: str) -> dict[str, str]:
        """Takes one request from a key's bucket; the headers that tell what is left.

        Raises:
            TooManyRequests: there is none.
        """
        now = self._clock()
        bucket = self._buckets.get(key_id)
        if bucket is None:
            if len(self._buckets) > 100_000:
                self._buckets.clear()
            bucket = self._buckets[key_id] = _Bucket(float(self._burst), now)
        bucket.tokens = min(float(self._burst), bucket.tokens + (now - bucket.at) * self._per_s)
        bucket.at = now
        headers: dict[str, Any] = {
            "RateLimit-Policy": f'"key";q={self._burst};w={max(1, round(self._burst / self._per_s))}'
        }
        if bucket.tokens < 1:
            wait = max(1, round((1 - bucket.tokens) / self._per_s + 0.5))
            raise TooManyRequests(
                f"More than {self._per_s:g} requests a second.",
                fix=f"Go on after {wait} s.",
                facts={"retry_after_s": wait},
            )
        bucket.tokens -= 1
        return {**headers, "RateLimit": f'"key";r={int(bucket.tokens)}'}
