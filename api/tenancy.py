"""Tenants, their callers and scopes. Every statement on what belongs to a tenant starts from `readable`, so that nobody sees another's.

What another tenant owns does not exist for a caller: its address answers 404, like one that never existed.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from sqlalchemy import Connection, Select, Table, select

from api.tables import tenants

Scope = Literal[
    "jobs:read",
    "jobs:write",
    "datasets:read",
    "datasets:write",
    "models:read",
    "models:write",
    "keys:read",
    "keys:write",
    "admin",
]
"""What a key may do. `admin` creates tenants and keys of any tenant; it gives no access to their work."""

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Subject:
    """The authenticated caller of a request.

    Attributes:
        tenant_id: the tenant whose work it may read and write.
        key_id: its key, or the key that opened its session.
        scopes: what the key may do.
        csrf: the token that a write with a session cookie must send; None with a key.
    """

    tenant_id: str
    key_id: str
    scopes: frozenset[str]
    csrf: str | None = None


def readable(table: Table, tenant_id: str) -> Select[Any]:
    """Rows of a table that belong to a tenant."""
    return select(table).where(table.c.tenant_id == tenant_id)


def lock_tenant(connection: Connection, tenant_id: str) -> dict[str, Any]:
    """The tenant's own limits. Its row is locked until the transaction ends, so that what is counted meanwhile stays true."""
    limits: dict[str, Any] | None = connection.scalar(
        select(tenants.c.limits).where(tenants.c.id == tenant_id).with_for_update()
    )
    return limits or {}
