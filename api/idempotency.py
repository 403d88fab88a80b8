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

REPLAYED: Final = "Idempotency-Replayed"
"""The header of an answer that was given before."""

KEPT_MS: Final = 24 * 3600 * 1000

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
        route: the operation; keys of different ones do not meet.
        value: the client's key.
        digest: of the request.
    """

    route: str
    value: str
    digest: str

    @staticmethod
    def of(route: str, value: str, body: bytes) -> "Idempotent":
        """A request with its body."""
        return Idempotent(route, value, hashlib.sha256(body).hexdigest())

    def answer(self, connection: Connection, subject: Subject) -> bytes | None:
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

    def keep(self, connection: Connection, subject: Subject, status: int, answer: bytes) -> None:
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


def drop_old(connection: Connection) -> None:
    """Forgets answers that are older than 24 h."""
    connection.execute(delete(idempotency).where(idempotency.c.created_at < utc_ms() - KEPT_MS))
