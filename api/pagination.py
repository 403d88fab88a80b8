"""Keyset pagination: opaque tokens with the key of the last row, bound to the list and its filter."""

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import Query
from sqlalchemy import Row

from api.errors import InvalidPageToken

MAX_PAGE_SIZE: Final = 1000

PageSize = Annotated[int, Query(ge=1, description=f"items on a page; more than {MAX_PAGE_SIZE} is taken as that")]
PageToken = Annotated[
    str | None,
    Query(pattern=r"^[A-Za-z0-9_\-]{1,200}$", description="`next_page_token` of the page before, with the same filter"),
]

_KEY: Final = re.compile(r"([a-z]+/)?[a-z]{2,4}_[0-9a-z]{26}")
_CHECK_BYTES: Final = 8


def make_token(key: str, binding: str) -> str:
    """A token for what follows the row `key` in the list that `binding` describes."""
    return base64.urlsafe_b64encode(_checksum(key, binding) + key.encode()).decode().rstrip("=")


def read_token(token: str, binding: str) -> str:
    """The key in a token.

    Raises:
        InvalidPageToken: it is not from this list.
    """
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        key = raw[_CHECK_BYTES:].decode("ascii")
    except ValueError:
        raw, key = b"", ""
    if not _KEY.fullmatch(key) or raw[:_CHECK_BYTES] != _checksum(key, binding):
        raise InvalidPageToken(
            "The page token is not from this list.",
            fix="Use next_page_token of the page before with an unchanged filter, or start without a token.",
        )
    return key


def number_token(number: int, binding: str) -> str:
    """A token for what follows the row of a number in the list that `binding` describes."""
    return make_token(f"seq_{number:026d}", binding)


def read_number(token: str, binding: str) -> int:
    """The number in a token.

    Raises:
        InvalidPageToken: it is not from this list.
    """
    return int(read_token(token, binding).removeprefix("seq_"))


def clamp_page_size(size: int) -> int:
    """A page size, at most `MAX_PAGE_SIZE`."""
    return min(size, MAX_PAGE_SIZE)


def _id(row: Row[Any]) -> str:
    return str(row.id)


def paginate(
    rows: Sequence[Row[Any]], size: int, binding: str, key: Callable[[Row[Any]], str] = _id
) -> tuple[Sequence[Row[Any]], str | None]:
    """One page of rows that were read with one more than `clamp_page_size(size)`, and the token of the next page, if there is one.

    `key` is the position of a row in the list: its id, or `WORD/ID` where the list is sorted by a word first.
    """
    page = rows[: clamp_page_size(size)]
    return page, make_token(key(page[-1]), binding) if len(rows) > len(page) else None


def _checksum(key: str, binding: str) -> bytes:
    return hashlib.blake2b(f"{binding}\n{key}".encode(), digest_size=_CHECK_BYTES).digest()
