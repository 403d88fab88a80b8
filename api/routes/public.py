"""The routes that answer without a key or a session. `require_authentication` stops the start of an application with any other."""

from collections.abc import Iterable
from typing import Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api.access import authenticate
from api.routes.dashboard import FILES, VIEWS

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


def require_authentication(routes: Iterable[BaseRoute]) -> None:
    """Checks that every route is public or authenticates its caller.

    Raises:
        AssertionError: one does neither; the program is wrong.
    """
    for route in routes:
        authenticates = isinstance(route, APIRoute) and _authenticates(route.dependant)
        for method in getattr(route, "methods", None) or {"GET"}:
            path = getattr(route, "path", "")
            if not authenticates and (method, path) not in PUBLIC:
                raise AssertionError(f"{method} {path} is open to everyone and not on the list of public routes")


def _authenticates(dependant: Dependant) -> bool:
    return dependant.call is authenticate or any(_authenticates(inner) for inner in dependant.dependencies)
