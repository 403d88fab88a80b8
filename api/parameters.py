"""Refuses query parameters that a route does not know, as unknown fields of bodies are: a misspelt one must not be passed over."""

import difflib
from collections.abc import Iterator
from typing import Final, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.errors import InvalidRequest
from api.problem_document import FieldProblem

MOST: Final = 20
"""How many wrong parameters are named."""


async def known_parameters(request: Request) -> None:
    """A dependency of every route that the description of the interface has.

    Raises:
        InvalidRequest: a parameter is none of the route's, or is given twice and takes one value.
    """
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute) or not route.include_in_schema:
        return
    known = dict(_declared(route.dependant))
    given = [name for name, _ in request.query_params.multi_items()]
    unknown = [name for name in dict.fromkeys(given) if name not in known]
    fields = [_unknown(name, list(known)) for name in unknown]
    fields += [
        FieldProblem(parameter=name, detail="given more than once, and takes one value")
        for name, several in known.items()
        if not several and given.count(name) > 1
    ]
    if fields:
        told = "; ".join(f"{field.parameter}: {field.detail}" for field in fields[:5])
        raise InvalidRequest(
            f"The request is not valid: {told}.",
            fix=f"Its query parameters are {', '.join(known)}." if known else "It has no query parameters.",
            facts={"unknown": [name[:100] for name in unknown[:MOST]], "known": list(known)},
            fields=tuple(fields[:MOST]),
        )


def _declared(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """The query parameters of a route, and whether each takes several values."""
    for field in dependant.query_params:
        yield field.alias, get_origin(field.field_info.annotation) in (list, tuple)
    for inner in dependant.dependencies:
        yield from _declared(inner)


def _unknown(name: str, known: list[str]) -> FieldProblem:
    """What is said of a parameter, with those that it may stand for: `validateOnly` and `validate-only` for `validate_only`."""
    plain = {one.replace("_", ""): one for one in known}
    close = difflib.get_close_matches(name[:100].lower().replace("_", "").replace("-", ""), plain, cutoff=0.7)
    meant = f"; did you mean {' or '.join(plain[one] for one in close)}?" if close else ""
    return FieldProblem(parameter=name[:100], detail=f"no parameter of this address{meant}")
