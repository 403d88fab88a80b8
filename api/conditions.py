"""Versions of single resources: their `ETag`, and `If-Match` before a change."""

import hashlib
from typing import Annotated, Final, TypeVar

from fastapi import Header, Response
from pydantic import BaseModel, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from api.errors import PreconditionFailed

IfMatch = Annotated[
    Annotated[str, StringConstraints(max_length=1000)] | SkipJsonSchema[None],
    Header(description="only if the resource still has this `ETag`; `*` is any"),
]

Document = TypeVar("Document", bound=BaseModel)

CLOCKS: Final = frozenset({"active_s"})
"""Fields that change by themselves as time goes on: no version of what someone decided on."""


def tag(document: BaseModel) -> str:
    """The `ETag` of a document: a hash of its JSON."""
    content = document.model_dump_json(exclude=set(CLOCKS)).encode()
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def tagged(document: Document, response: Response) -> Document:
    """The document; its `ETag` goes into the response."""
    response.headers["ETag"] = tag(document)
    return document


def check_match(if_match: str, document: BaseModel) -> None:
    """That a request means the current version.

    Raises:
        PreconditionFailed: it means another.
    """
    current = tag(document)
    if if_match.strip() != "*" and current not in {one.strip() for one in if_match.split(",")}:
        raise PreconditionFailed(
            "The resource has changed.", fix="GET it again, and decide anew.", facts={"etag": current}
        )
