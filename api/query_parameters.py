"""Rejects query parameters that a route does not know, like unknown fields of bodies: a misspelt one must not be ignored."""

import difflib
from collections.abc import Iterator
from typing import Final, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.errors import InvalidRequest
from api.problem_document import FieldProblem

MAX_REPORTED: Final = 20
"""How many wrong parameters an error reports."""


async def reject_unknown_parameters(request: Request) -> None:
    """A dependency of every route; routes outside of the OpenAPI description are left alone.

    Raises:
        InvalidRequest: the route does not have a parameter, or one that takes one value is given twice.
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
        named = "; ".join(f"{field.parameter}: {field.detail}" for field in fields[:5])
        raise InvalidRequest(
            f"The request is not valid: {named}.",
            fix=f"Its query parameters are {', '.join(known)}." if known else "It has no query parameters.",
            facts={"unknown": [name[:100] for name in unknown[:MAX_REPORTED]], "known": list(known)},
            fields=tuple(fields[:MAX_REPORTED]),
        )


def _declared(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """The query parameters of a route, and whether each takes several values."""
    for field in dependant.query_params:
        yield field.alias, get_origin(field.field_info.annotation) in (list, tuple)
    for inner in dependant.dependencies:
        yield from _declared(inner)


def _unknown(name: str, known: list[str]) -> FieldProblem:
    """The error of an unknown parameter, with those that are spelt like it: `validateOnly` and `validate-only` suggest `validate_only`."""
    by_letters = {one.replace("_", ""): one for one in known}
    close = difflib.get_close_matches(name[:100].lower().replace("_", "").replace("-", ""), by_letters, cutoff=0.7)
    hint = f"; did you mean {' or '.join(by_letters[one] for one in close)}?" if close else ""
    return FieldProblem(parameter=name[:100], detail=f"no parameter of this address{hint}")
