"""Reads JSON bodies strictly: declared as JSON, no NaN, no Infinity, no number that overflows to it, no name twice, no deep nesting."""

import json
import math
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.errors import BodyTimeout, BodyTooLarge, MalformedBody, UnsupportedMediaType

MAX_DEPTH: Final = 64

BODY_ERRORS: Final = (MalformedBody, BodyTooLarge, BodyTimeout, UnsupportedMediaType)
"""The errors of a JSON body."""

_JSON: Final = re.compile(r"application/([^;\s]+\+)?json\s*(;.*)?", re.IGNORECASE)


def strict_json(body: bytes) -> Any:
    """Parses a body.

    Raises:
        MalformedBody: it is no JSON, or JSON that only lenient parsers accept.
    """
    try:
        document = json.loads(
            body, parse_constant=_constant, parse_float=_float, parse_int=_int, object_pairs_hook=_object
        )
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except ValueError as error:
        raise _malformed(str(error)) from None
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _malformed(f"it is nested more than {MAX_DEPTH} deep")
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return document


class StrictRoute(APIRoute):
    """A route whose JSON body goes through `strict_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wraps the framework's handler, which reads the body with `request.json()` where it is declared as JSON."""
        handle = super().get_route_handler()

        async def strict(original: Request) -> Response:
            request = _StrictRequest(original.scope, original.receive)
            if self.body_field is not None:
                await _check_media_type(request)
            try:
                return await handle(request)
            except HTTPException as error:  # the framework's wrapping of whatever reading a body raises
                if isinstance(error.__cause__, MalformedBody):
                    raise error.__cause__ from None
                raise

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:
        return strict_json(await self.body())


async def _check_media_type(request: Request) -> None:
    declared = request.headers.get("content-type", "")
    if not _JSON.fullmatch(declared) and await request.body():
        raise UnsupportedMediaType(
            f"The body is declared as {declared[:100] or 'nothing'!r}.",
            fix="Send JSON with Content-Type: application/json.",
        )


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def _int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text[:40]}... is too large a number") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has the same name twice")
    return made


def _malformed(why: str) -> MalformedBody:
    return MalformedBody(f"The body is not the JSON that it should be: {why}.", fix="Send plain JSON (RFC 8259).")
