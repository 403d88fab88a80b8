"""All statements on tenants, keys and sessions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from api.database import utc_ms
from api.tables import api_keys, sessions, tenants
from api.tenancy import readable

KeyRow = Row[Any]


def any_tenant(connection: Connection) -> bool:
    """Whether there is a tenant at all."""
    return connection.execute(select(tenants.c.id).limit(1)).first() is not None


def add_tenant(connection: Connection, tenant_id: str, name: str, limits: dict[str, Any]) -> None:
    """Stores a tenant."""
    connection.execute(insert(tenants).values(id=tenant_id, name=name, limits=limits, created_at=utc_ms()))


def tenant(connection: Connection, *, tenant_id: str | None = None, name: str | None = None) -> Row[Any] | None:
    """A tenant by its id or its name."""
    condition = tenants.c.id == tenant_id if name is None else tenants.c.name == name
    return connection.execute(select(tenants).where(condition)).one_or_none()


def tenant_page(connection: Connection, *, before: str | None, limit: int) -> Sequence[Row[Any]]:
    """Tenants, newest first."""
    query = select(tenants).order_by(tenants.c.id.desc()).limit(limit)
    return connection.execute(query if before is None else query.where(tenants.c.id < before)).all()


def add_key(connection: Connection, *, lifetime_ms: int | None, **values: Any) -> None:
    """Stores a key."""
    expires = None if lifetime_ms is None else utc_ms() + lifetime_ms
    connection.execute(insert(api_keys).values(created_at=utc_ms(), expires_at=expires, **values))


def valid_key(connection: Connection, key_id: str) -> KeyRow | None:
    """A key that is neither revoked nor expired."""
    query = select(api_keys).where(
        api_keys.c.id == key_id,
        api_keys.c.revoked_at.is_(None),
        api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > utc_ms()),
    )
    return connection.execute(query).one_or_none()


def find_key(connection: Connection, tenant_id: str, key_id: str) -> KeyRow | None:
    """A key of a tenant."""
    return connection.execute(readable(api_keys, tenant_id).where(api_keys.c.id == key_id)).one_or_none()


def key_page(connection: Connection, tenant_id: str, *, before: str | None, limit: int) -> Sequence[KeyRow]:
    """Keys of a tenant, newest first."""
    query = readable(api_keys, tenant_id).order_by(api_keys.c.id.desc()).limit(limit)
    return connection.execute(query if before is None else query.where(api_keys.c.id < before)).all()


def touch_key(connection: Connection, key_id: str) -> None:
    """Records that a key was used."""
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=utc_ms()))


def revoke_key(connection: Connection, key_id: str) -> None:
    """Ends a key and its sessions."""
    query = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    connection.execute(query.values(revoked_at=utc_ms()))
    connection.execute(delete(sessions).where(sessions.c.key_id == key_id))


def add_session(connection: Connection, digest: str, key_id: str, lifetime_ms: int) -> None:
    """Stores a session."""
    connection.execute(
        insert(sessions).values(digest=digest, key_id=key_id, created_at=utc_ms(), expires_at=utc_ms() + lifetime_ms)
    )


def session_key(connection: Connection, digest: str) -> KeyRow | None:
    """The valid key of an unexpired session."""
    key_id = connection.scalar(
        select(sessions.c.key_id).where(sessions.c.digest == digest, sessions.c.expires_at > utc_ms())
    )
    return None if key_id is None else valid_key(connection, key_id)


def end_session(connection: Connection, digest: str) -> None:
    """Ends a session."""
    connection.execute(delete(sessions).where(sessions.c.digest == digest))


def delete_old_sessions(connection: Connection) -> None:
    """Deletes expired sessions."""
    connection.execute(delete(sessions).where(sessions.c.expires_at <= utc_ms()))
