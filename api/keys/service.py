"""Operations on keys, sessions and tenants, and the authentication of requests."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from api import pagination
from api.database import Database, to_datetime
from api.errors import ScopeMissing, SecretShown, TenantExists, Unauthenticated, UnknownKey, UnknownTenant
from api.idempotency import Idempotent
from api.ids import new_id
from api.keys import repository
from api.keys.schemas import (
    ApiKeyCreate,
    ApiKeyDocument,
    ApiKeyMade,
    ApiKeyPage,
    TenantCreate,
    TenantDocument,
    TenantPage,
)
from api.keys.secrets import Pepper, key_id_of, new_key, new_session
from api.tenancy import SCOPES, Subject, lock_tenant

FIRST_TENANT: Final = "default"
SESSION_S: Final = 12 * 3600
CACHE_S: Final = 2.0
"""How long an authenticated key is cached; a key that another process revoked works that much longer."""

_TOUCH_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class _CachedSubject:
    subject: Subject
    until: float


class Keys:
    """Keys of one database. Safe to share between threads."""

    def __init__(self, database: Database, pepper: Pepper) -> None:
        self._database = database
        self._pepper = pepper
        self._cache: dict[str, _CachedSubject] = {}
        self._touched: dict[str, float] = {}
        self._lock = threading.Lock()

    @staticmethod
    def open(database: Database, pepper: Path) -> "Keys":
        """The keys of a database, with the pepper of a file, which is created when the database is new.

        Raises:
            UnusablePepper: the file is missing though there are keys, or has no pepper.
        """
        with database.read() as connection:
            create = not repository.any_tenant(connection)
        return Keys(database, Pepper.load(pepper, create=create))

    def create_first(self) -> str | None:
        """Creates the first tenant, with a key of all scopes, if there is no tenant. Returns the key's secret, else None."""
        try:
            with self._database.write() as connection:
                if repository.any_tenant(connection):
                    return None
                tenant_id = new_id("ten")
                repository.add_tenant(connection, tenant_id, FIRST_TENANT, {})
                return self._add_key(connection, tenant_id, ApiKeyCreate(name="first key", scopes=SCOPES))[1]
        except IntegrityError:  # another server of the database was faster
            return None

    def create(self, subject: Subject, new: ApiKeyCreate, idempotent: Idempotent | None = None) -> ApiKeyMade:
        """Creates a key.

        Raises:
            SecretShown: the same idempotency key created one before. Its secret cannot be shown again, since it is not stored.
            IdempotencyMismatch: the idempotency key came with another body before.
            ScopeMissing: it would have more scopes than the key that creates it.
            UnknownTenant: there is no tenant of that id.
        """
        tenant_id = new.tenant_id or subject.tenant_id
        missing = _missing_scopes(subject, new.scopes)
        if missing or (tenant_id != subject.tenant_id and "admin" not in subject.scopes):
            raise ScopeMissing(
                f"This key cannot grant {', '.join(missing) or 'keys of another tenant'}.",
                fix="Ask an administrator, or ask for less.",
            )
        with self._database.write() as connection:
            stored = _replayed_answer(connection, subject, idempotent)
            if stored is not None:
                raise _secret_shown(ApiKeyDocument.model_validate_json(stored).id)
            if repository.tenant(connection, tenant_id=tenant_id) is None:
                raise _unknown_tenant(tenant_id)
            key_id, secret = self._add_key(connection, tenant_id, new)
            row = repository.find_key(connection, tenant_id, key_id)
            assert row is not None
            if idempotent is not None:
                idempotent.store_answer(connection, subject, 201, _document(row).model_dump_json().encode())
        return ApiKeyMade(**_document(row).model_dump(), secret=secret)

    def create_for(self, tenant: str, new: ApiKeyCreate) -> ApiKeyMade:
        """Creates a key of a named tenant, and the tenant if there is none: for the command line of the server's owner."""
        with self._database.write() as connection:
            found = repository.tenant(connection, name=tenant)
            tenant_id = new_id("ten") if found is None else found.id
            if found is None:
                repository.add_tenant(connection, tenant_id, tenant, {})
            key_id, secret = self._add_key(connection, tenant_id, new)
            row = repository.find_key(connection, tenant_id, key_id)
        assert row is not None
        return ApiKeyMade(**_document(row).model_dump(), secret=secret)

    def get(self, subject: Subject, key_id: str) -> ApiKeyDocument:
        """A key of the tenant.

        Raises:
            UnknownKey: there is none of that id.
        """
        with self._database.read() as connection:
            row = repository.find_key(connection, subject.tenant_id, key_id)
        if row is None:
            raise _unknown_key(key_id)
        return _document(row)

    def page(self, subject: Subject, *, size: int, token: str | None) -> ApiKeyPage:
        """Keys of the tenant, newest first.

        Raises:
            InvalidPageToken: the token is not from this list.
        """
        binding = f"keys {subject.tenant_id}"
        before = pagination.read_token(token, binding) if token else None
        with self._database.read() as connection:
            rows = repository.key_page(
                connection, subject.tenant_id, before=before, limit=pagination.clamp_page_size(size) + 1
            )
        page_rows, next_token = pagination.paginate(rows, size, binding)
        return ApiKeyPage(items=tuple(map(_document, page_rows)), next_page_token=next_token)

    def revoke(self, subject: Subject, key_id: str) -> None:
        """Ends a key and its sessions; again without effect.

        Raises:
            UnknownKey: there is none of that id.
            ScopeMissing: it has more scopes than the key that revokes it, which could not have created it.
        """
        with self._database.write() as connection:
            row = repository.find_key(connection, subject.tenant_id, key_id)
            if row is None:
                raise _unknown_key(key_id)
            missing = _missing_scopes(subject, row.scopes)
            if missing:
                raise ScopeMissing(
                    f"This key cannot revoke one that has {', '.join(missing)}.",
                    fix="Ask an administrator, or use a key that has these scopes.",
                )
            repository.revoke_key(connection, key_id)
        self._clear_cache()

    def authenticate_key(self, secret: str) -> Subject:
        """The caller with a key.

        Raises:
            Unauthenticated: it is no key, or revoked, or expired.
        """
        digest = self._pepper.digest("key", secret)
        subject = self._cached(digest)
        if subject is not None:
            return subject
        key_id = key_id_of(secret)
        if key_id is None:
            raise Unauthenticated("This is no key.", fix="Send the whole key, as it was shown when it was made.")
        with self._database.read() as connection:
            row = repository.valid_key(connection, key_id)
        if row is None or not self._pepper.verify("key", secret, row.digest):
            raise Unauthenticated("The key is not valid any more.", fix="Ask for a new one: hwnas keys create.")
        return self._cache_subject(digest, row, csrf=None)

    def authenticate_session(self, cookie: str) -> Subject:
        """The caller with a session.

        Raises:
            Unauthenticated: it has expired or was ended.
        """
        digest = self._pepper.digest("session", cookie)
        subject = self._cached(digest)
        if subject is not None:
            return subject
        with self._database.read() as connection:
            row = repository.session_key(connection, digest)
        if row is None:
            raise Unauthenticated("The session has expired.", fix="Sign in again.")
        return self._cache_subject(digest, row, csrf=self._pepper.digest("csrf", cookie))

    def cached(self, *, secret: str | None = None, cookie: str | None = None) -> Subject | None:
        """The caller with a key or a session, if it is cached; without the database."""
        purpose, text = ("key", secret) if secret is not None else ("session", cookie or "")
        return self._cached(self._pepper.digest(purpose, text))

    def _cached(self, digest: str) -> Subject | None:
        cached = self._cache.get(digest)
        return cached.subject if cached is not None and cached.until > time.monotonic() else None

    def sign_in(self, secret: str) -> tuple[Subject, str]:
        """Opens a session for a key; the subject and the secret of its cookie.

        Raises:
            Unauthenticated: it is no valid key.
        """
        subject = self.authenticate_key(secret)
        cookie = new_session()
        digest = self._pepper.digest("session", cookie)
        with self._database.write() as connection:
            repository.add_session(connection, digest, subject.key_id, SESSION_S * 1000)
        csrf = self._pepper.digest("csrf", cookie)
        return Subject(subject.tenant_id, subject.key_id, subject.scopes, csrf), cookie

    def sign_out(self, cookie: str) -> None:
        """Ends a session."""
        with self._database.write() as connection:
            repository.end_session(connection, self._pepper.digest("session", cookie))
        self._clear_cache()

    def create_tenant(
        self, subject: Subject, new: TenantCreate, idempotent: Idempotent | None = None
    ) -> tuple[TenantDocument, bool]:
        """Creates a tenant.

        Returns:
            The tenant, and whether it was made by this request; not when the same idempotency key made it before.

        Raises:
            IdempotencyMismatch: the idempotency key came with another body before.
            TenantExists: another has that name.
        """
        tenant_id = new_id("ten")
        try:
            with self._database.write() as connection:
                stored = _replayed_answer(connection, subject, idempotent)
                if stored is not None:
                    return TenantDocument.model_validate_json(stored), False
                repository.add_tenant(connection, tenant_id, new.name, new.limits.model_dump(exclude_none=True))
                made = _tenant(repository.tenant(connection, tenant_id=tenant_id), tenant_id)
                if idempotent is not None:
                    idempotent.store_answer(connection, subject, 201, made.model_dump_json().encode())
        except IntegrityError:
            raise TenantExists(f"There is a tenant {new.name!r} already.", fix="Choose another name.") from None
        return made, True

    def tenant(self, tenant_id: str) -> TenantDocument:
        """A tenant.

        Raises:
            UnknownTenant: there is none of that id.
        """
        with self._database.read() as connection:
            return _tenant(repository.tenant(connection, tenant_id=tenant_id), tenant_id)

    def tenant_page(self, *, size: int, token: str | None) -> TenantPage:
        """Tenants, newest first.

        Raises:
            InvalidPageToken: the token is not from this list.
        """
        before = pagination.read_token(token, "tenants") if token else None
        with self._database.read() as connection:
            rows = repository.tenant_page(connection, before=before, limit=pagination.clamp_page_size(size) + 1)
        page_rows, next_token = pagination.paginate(rows, size, "tenants")
        return TenantPage(items=tuple(_tenant(row, row.id) for row in page_rows), next_page_token=next_token)

    def _add_key(self, connection: Connection, tenant_id: str, new: ApiKeyCreate) -> tuple[str, str]:
        key_id = new_id("key")
        secret = new_key(key_id)
        repository.add_key(
            connection,
            lifetime_ms=None if new.expires_in_s is None else new.expires_in_s * 1000,
            id=key_id,
            tenant_id=tenant_id,
            name=new.name,
            digest=self._pepper.digest("key", secret),
            scopes=list(new.scopes),
        )
        return key_id, secret

    def _cache_subject(self, digest: str, row: repository.KeyRow, csrf: str | None) -> Subject:
        subject = Subject(row.tenant_id, row.id, frozenset(row.scopes), csrf)
        now = time.monotonic()
        with self._lock:
            if len(self._cache) > 10_000:
                self._cache.clear()
            self._cache[digest] = _CachedSubject(subject, now + CACHE_S)
            touch = now - self._touched.get(row.id, -_TOUCH_S) >= _TOUCH_S
            if touch:
                self._touched[row.id] = now
        if touch:
            with self._database.write() as connection:
                repository.touch_key(connection, row.id)
        return subject

    def _clear_cache(self) -> None:
        with self._lock:
            self._cache.clear()


def _missing_scopes(subject: Subject, scopes: Iterable[str]) -> list[str]:
    """The scopes among these that a key may neither grant nor revoke."""
    return [] if "admin" in subject.scopes else sorted(set(scopes) - subject.scopes)


def _replayed_answer(connection: Connection, subject: Subject, idempotent: Idempotent | None) -> bytes | None:
    """The stored answer of the same request. Locks the tenant until this transaction ends."""
    if idempotent is None:
        return None
    lock_tenant(connection, subject.tenant_id)
    return idempotent.stored_answer(connection, subject)


def _tenant(row: Row[Any] | None, tenant_id: str) -> TenantDocument:
    if row is None:
        raise _unknown_tenant(tenant_id)
    return TenantDocument(id=row.id, name=row.name, limits=row.limits, created_at=to_datetime(row.created_at))


def _secret_shown(key_id: str) -> SecretShown:
    return SecretShown(
        f"This request made the key {key_id} before, and its secret was shown then.",
        fix=f"If the secret is lost, revoke it with DELETE /v1/api-keys/{key_id} and send this with a fresh Idempotency-Key.",
        facts={"key_id": key_id},
    )


def _unknown_key(key_id: str) -> UnknownKey:
    return UnknownKey(f"There is no key {key_id!r}.", fix="List them with GET /v1/api-keys.")


def _unknown_tenant(tenant_id: str) -> UnknownTenant:
    return UnknownTenant(f"There is no tenant {tenant_id!r}.", fix="List them with GET /v1/tenants.")


def _document(row: repository.KeyRow) -> ApiKeyDocument:
    def time_of(value: int | None) -> object:
        return None if value is None else to_datetime(value)

    return ApiKeyDocument.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "tenant_id": row.tenant_id,
            "scopes": row.scopes,
            "created_at": to_datetime(row.created_at),
            "expires_at": time_of(row.expires_at),
            "last_used_at": time_of(row.last_used_at),
            "revoked_at": time_of(row.revoked_at),
        }
    )
