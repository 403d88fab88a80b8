"""Keys, sessions and tenants on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from api.ids import id_pattern
from api.tenancy import SCOPES, Scope
from api.wire import INTEGRAL, NAME, WireModel, examples

KEY = "key_01jd3z6g4m8x2c5v7b9n1q3r5t"
TENANT = "ten_01jd3z6g4m8x2c5v7b9n1q3r5t"
_SHOWN = "nas_01jd3z6g4m8x2c5v7b9n1q3r5t_0123456789abcdefghjkmnpqrstvwxyz00000000"
_DAY = 86_400

Lifetime = Annotated[int, Field(strict=True, ge=1, le=3650 * _DAY), INTEGRAL]
Queued = Annotated[int, Field(strict=True, ge=0, le=1_000_000), INTEGRAL]
Running = Annotated[int, Field(strict=True, ge=0, le=10_000), INTEGRAL]
Bytes = Annotated[int, Field(strict=True, ge=0, le=2**53), INTEGRAL]


def _distinct(scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
    return tuple(scope for scope in SCOPES if scope in scopes)


class ApiKeyCreate(WireModel):
    """A key to be made. Its scopes are at most those of the key that makes it."""

    model_config = examples(
        {"name": "continuous integration", "scopes": ["jobs:read", "jobs:write"], "expires_in_s": 90 * _DAY}
    )

    name: str = Field(pattern=NAME, description="for people")
    scopes: Annotated[tuple[Scope, ...], AfterValidator(_distinct)] = Field(min_length=1, max_length=len(SCOPES))
    expires_in_s: Lifetime | None = Field(default=None, description="seconds until it ends; never when absent")
    tenant_id: str | None = Field(
        default=None, pattern=id_pattern("ten"), description="another tenant's key; needs the scope `admin`"
    )


class ApiKeyDocument(WireModel):
    """A key, without its secret."""

    model_config = examples(
        {
            "id": KEY, "name": "continuous integration", "tenant_id": TENANT, "scopes": ["jobs:read", "jobs:write"],
            "created_at": "2026-01-31T12:00:00Z", "expires_at": None, "last_used_at": None, "revoked_at": None,
        }
    )  # fmt: skip

    id: str = Field(pattern=id_pattern("key"))
    name: str
    tenant_id: str = Field(pattern=id_pattern("ten"))
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="to the minute")
    revoked_at: datetime | None


class ApiKeyMade(ApiKeyDocument):
    """A key with its secret, which is shown only once."""

    model_config = examples(
        {
            "id": KEY, "name": "continuous integration", "tenant_id": TENANT, "scopes": ["jobs:read", "jobs:write"],
            "created_at": "2026-01-31T12:00:00Z", "expires_at": None, "last_used_at": None, "revoked_at": None,
            "secret": _SHOWN,
        }
    )  # fmt: skip

    secret: str = Field(description="send it as `Authorization: Bearer ...`; it cannot be shown again")


class ApiKeyPage(WireModel):
    """Some keys, newest first."""

    model_config = examples({"items": [], "next_page_token": None})

    items: tuple[ApiKeyDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")


class SessionCreate(WireModel):
    """A key that a browser trades for a cookie."""

    model_config = examples({"key": _SHOWN})

    key: str = Field(min_length=1, max_length=200, description="the secret of a key")


class SessionDocument(WireModel):
    """Who is signed in."""

    model_config = examples(
        {"tenant_id": TENANT, "key_id": KEY, "scopes": ["jobs:read"], "csrf_token": "0" * 64}
    )  # fmt: skip

    tenant_id: str = Field(pattern=id_pattern("ten"))
    key_id: str = Field(pattern=id_pattern("key"))
    scopes: tuple[Scope, ...]
    csrf_token: str | None = Field(
        description="send it as `X-CSRF-Token` with every write that the cookie authorises; null with a key"
    )


class TenantLimits(WireModel):
    """What a tenant may use, where it differs from the server's own limits."""

    model_config = examples({"max_queued": 1000, "max_running": 4, "max_stored_bytes": 10_000_000_000})

    max_queued: Queued | None = Field(default=None, description="jobs that wait or run")
    max_running: Running | None = Field(default=None, description="jobs that run at once")
    max_stored_bytes: Bytes | None = Field(default=None, description="of data sets and models together")


class TenantCreate(WireModel):
    """A tenant to be made."""

    model_config = examples({"name": "vision", "limits": {"max_running": 2}})

    name: str = Field(pattern=NAME, description="not yet another tenant's")
    limits: TenantLimits = TenantLimits()


class TenantDocument(WireModel):
    """A tenant: a group of people who share data sets, jobs and models."""

    model_config = examples(
        {"id": TENANT, "name": "vision", "limits": {"max_running": 2}, "created_at": "2026-01-31T12:00:00Z"}
    )

    id: str = Field(pattern=id_pattern("ten"))
    name: str
    limits: TenantLimits
    created_at: datetime


class TenantPage(WireModel):
    """Some tenants, newest first."""

    model_config = examples({"items": [], "next_page_token": None})

    items: tuple[TenantDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")
