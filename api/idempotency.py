"""`Idempotency-Key`: a request that is sent again with the same key and body gets the first one's answer, for 24 hours.

The answer is stored in the transaction that makes the resource, so there is never one without the other.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Header
from pydantic import StringConstraints
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy import Connection, delete, insert, select

from api.database import utc_ms
from api.errors import IdempotencyMismatch
from api.tables import idempotency
from api.tenancy import Subject

REPLAYED_HEADER: Final = "Idempotency-Replayed"
"""The header of an answer that was given before."""

RETENTION_MS: Final = 24 * 3600 * 1000

IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")] | SkipJsonSchema[None],
    Header(
        description="a text of the client's choice; sent again within 24 h with the same body, it gets the same answer",
    ),
]


@dataclass(frozen=True, slots=True)
class Idempotent:
    """One request under an idempotency key.

    Attributes:
        route: the operation; the same key may be used for another.
        value: the client's key.
        digest: of the request.
    """

    route: str
    value: str
    digest: str

    @staticmethod
    def from_body(route: str, value: str, body: bytes) -> "Idempotent":
        """A request with its body."""
        return Idempotent(route, value, hashlib.sha256(body).hexdigest())

    def stored_answer(self, connection: Connection, subject: Subject) -> bytes | None:
        """The stored answer, if the request was answered before.

        Raises:
            IdempotencyMismatch: its body was another then.
        """
        row = connection.execute(
            select(idempotency).where(
                idempotency.c.key_id == subject.key_id,
                idempotency.c.route == self.route,
                idempotency.c.value == self.value,
            )
        ).one_or_none()
        if row is None:
            return None
        if row.request_digest != self.digest:
            raise IdempotencyMismatch(
                "This Idempotency-Key came with another body before.", fix="Take a fresh key for another request."
            )
        return bytes(row.answer)

    def store_answer(self, connection: Connection, subject: Subject, status: int, answer: bytes) -> None:
        """Stores the answer."""
        connection.execute(
            insert(idempotency).values(
                key_id=subject.key_id,
                route=self.route,
                value=self.value,
                request_digest=self.digest,
                status=status,
                answer=answer,
                created_at=utc_ms(),
            )
        )


def delete_old(connection: Connection) -> None:
    """Deletes answers that are older than 24 h."""
    connection.execute(delete(idempotency).where(idempotency.c.created_at < utc_ms() - RETENTION_MS))
