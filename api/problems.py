"""Every failure as a problem document (RFC 9457), with a stable code that is documented under its `type`.

Not here: the errors themselves, which each package defines, and the document (`problem_document.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from api import errors as service_errors
from api.errors import InvalidRequest, MethodNotAllowed, NotFound, RequestError
from api.problem_document import MEDIA_TYPE, FieldProblem, Problem, problem_of
from search_spaces.errors import HwnasError
from search_spaces.validation import reportable

_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def problem_response(
    error: HwnasError, scope: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
) -> Response:
    """An error as a response to the request of an ASGI scope."""
    request_id = scope.get("state", {}).get("request_id")
    problem = problem_of(error, instance=f"urn:uuid:{request_id}" if request_id else None)
    return JSONResponse(problem.model_dump(mode="json"), error.status, headers, media_type=MEDIA_TYPE)


Responses = dict[int | str, dict[str, Any]]

_COMMON: Final = (InvalidRequest, service_errors.Unauthenticated, service_errors.TooManyRequests)


def problems(*kinds: type[HwnasError], public: bool = False) -> Responses:
    """What a route declares for the errors that it can answer with, for its `responses=`.

    Args:
        kinds: beside those that every route can answer with.
        public: whether the route answers without a key.
    """
    by_status: dict[int, list[type[HwnasError]]] = {}
    declared: tuple[type[HwnasError], ...] = (InvalidRequest, *kinds) if public else (*_COMMON, *kinds)
    for kind in declared:
        by_status.setdefault(kind.status, []).append(kind)
    return {
        status: {
            "description": "; ".join(f"`{kind.code}`: {_first_line(kind)}" for kind in members),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, members in sorted(by_status.items())
    }


def links(responses: Responses, parameter: str, *operations: str, status: int = 201) -> Responses:
    """Adds to what a route declares where the resource that it makes is used: operations that take its id as a parameter."""
    found = {name: {"operationId": name, "parameters": {parameter: "$response.body#/id"}} for name in operations}
    return {**responses, status: {**responses.get(status, {}), "description": "made", "links": found}}


def known_problems() -> dict[str, tuple[int, str]]:
    """Status and description of every documented code."""
    return {code: (kind.status, _first_line(kind)) for code, kind in sorted(error_kinds().items())}


def answered_error(answer: Mapping[str, Any]) -> HwnasError:
    """The error that a child process answered with, see `api.processes.child_main`."""
    return error_kinds()[answer["code"]](answer["detail"], fix=answer["fix"], facts=answer["facts"])


def answered_problem(answer: Mapping[str, Any]) -> Problem:
    """An error that a child process or the engine reports as `code`, `detail`, `fix` and `facts`; one of an unknown code is internal."""
    kind = error_kinds().get(answer["code"], service_errors.InternalError)
    return problem_of(kind(answer["detail"], fix=answer["fix"], facts=answer["facts"]))


def error_kinds() -> dict[str, type[HwnasError]]:
    """The class of every documented code."""
    import hw_targets.errors
    import latency_models.errors
    import nas.errors
    import search_spaces.errors

    found: dict[str, type[HwnasError]] = {}
    for module in (search_spaces.errors, hw_targets.errors, latency_models.errors, nas.errors, service_errors):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, HwnasError) and kind is not HwnasError:
                found[kind.code] = kind
    return found


def add_handlers(app: FastAPI, unions: Mapping[str, Sequence[str]] | None = None) -> None:
    """Makes an application answer every expected failure with a problem document; `middleware.py` answers the others.

    Args:
        app: the application.
        unions: fields of bodies that are unions on `kind`, with the kinds that they know.
    """

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, HwnasError)
        return problem_response(error, request.scope, headers=_headers(error))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(_invalid(error, unions or {}), request.scope)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _http(app, request, error)

    app.add_exception_handler(HwnasError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _headers(error: HwnasError) -> dict[str, str]:
    """The headers that HTTP requires with some statuses."""
    if isinstance(error, service_errors.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="hwnas"'}
    if isinstance(error, service_errors.TooManyRequests):
        return {"Retry-After": str(error.facts.get("retry_after_s", 1))}
    return {}


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _invalid(error: RequestValidationError, unions: Mapping[str, Sequence[str]]) -> HwnasError:
    errors = error.errors()
    fields = _fields(errors, error.body, unions)
    malformed = any(e["type"] == "json_invalid" for e in errors)
    kind: type[RequestError] = service_errors.MalformedBody if malformed else InvalidRequest
    named = "; ".join(f"{f.pointer or f.parameter or 'body'}: {f.detail}" for f in fields[:5])
    return kind(
        f"The request is not valid: {named}.",
        fix="Correct these fields; /openapi.json describes all of them.",
        fields=fields,
    )


def _fields(
    errors: Sequence[Mapping[str, Any]], sent: Any, unions: Mapping[str, Sequence[str]]
) -> tuple[FieldProblem, ...]:
    """The first error of each wrong field of a request with a body."""
    found: dict[tuple[str | None, str | None], FieldProblem] = {}
    for error in reportable(errors):
        field = _field(error, sent, unions)
        found.setdefault((field.pointer, field.parameter), field)
    return tuple(found.values())


def _field(error: Mapping[str, Any], sent: Any, unions: Mapping[str, Sequence[str]]) -> FieldProblem:
    location, *path = error["loc"]
    detail = str(error["msg"]).removeprefix("Value error, ")
    if location == "body":
        kinds = unions.get(path[0]) if path else None
        if kinds is not None:  # the kind is no part of the pointer, but for one that is not known
            path = _without_kind(path, kinds, error["type"])
        parts = [str(p).replace("~", "~0").replace("/", "~1") for p in _path_in_body(path, sent, error["type"])]
        return FieldProblem(pointer="".join(f"/{p}" for p in parts), detail=detail)
    return FieldProblem(parameter=str(path[0]) if path else str(location), detail=detail)


def _without_kind(path: list[Any], kinds: Sequence[str], error_type: str) -> list[Any]:
    """A path into a union without pydantic's step for the member."""
    if "tag" in error_type:
        return [path[0], "kind"]
    return [path[0], *path[2:]] if path[1:2] and path[1] in kinds else path


def _path_in_body(path: Sequence[Any], sent: Any, error_type: str) -> Iterator[Any]:
    """The steps of a path that exist in the body that was sent, and the last step to what is missing.

    The others are pydantic's own: names of members of a union, and `[key]` for the name of a field.
    """
    missing = path[-1:] if error_type in ("missing", "union_tag_not_found") else path[:0]
    for step in path[: len(path) - len(missing)]:
        if (isinstance(sent, dict) and step in sent) or (isinstance(sent, list) and step in range(len(sent))):
            yield step
            sent = sent[step]
    yield from missing


def _http(app: FastAPI, request: Request, error: HTTPException) -> Response:
    """The response to an error that the framework raises itself."""
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = sorted(_allowed(app, request))
        return problem_response(
            MethodNotAllowed(
                f"{request.url.path} does not know {request.method}.",
                fix=f"Use {', '.join(allowed)}.",
                facts={"allowed": list(allowed)},
            ),
            request.scope,
            headers={"Allow": ", ".join(allowed)},
        )
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(
            NotFound(f"There is nothing at {request.url.path[:200]}.", fix="See /openapi.json for the addresses."),
            request.scope,
        )
    made = service_errors.MalformedBody(f"{error.detail}.", fix="See /openapi.json for the form of requests.")
    return problem_response(made, request.scope)


def _allowed(app: FastAPI, request: Request) -> Iterator[str]:
    """The methods under which some route answers this path (the framework names those of the first route only)."""
    for method in _METHODS:
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in app.router.routes):
            yield method
