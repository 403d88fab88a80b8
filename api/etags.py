"""`ETag` of single resources, and `If-Match` before a change."""

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

VOLATILE_FIELDS: Final = frozenset({"active_s"})
"""Fields that change with time alone; they are not part of the version."""


def etag(document: BaseModel) -> str:
    """The `ETag` of a document: a hash of its JSON."""
    content = document.model_dump_json(exclude=set(VOLATILE_FIELDS)).encode()
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def with_etag(document: Document, response: Response) -> Document:
    """The document; its `ETag` goes into the response."""
    response.headers["ETag"] = etag(document)
    return document


def check_if_match(if_match: str, document: BaseModel) -> None:
    """Checks that a request is for the current version.

    Raises:
        PreconditionFailed: it is for another.
    """
    current = etag(document)
    if if_match.strip() != "*" and current not in {one.strip() for one in if_match.split(",")}:
        raise PreconditionFailed(
            "The resource has changed.",
            fix="GET it again, and repeat the change if it still applies.",
            facts={"etag": current},
        )
