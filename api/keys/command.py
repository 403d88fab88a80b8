"""The commands of `hwnas keys`. They work on the database directly, with the rights of whoever can read the home."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from pydantic import ValidationError
from sqlalchemy import select

from api.database import Database, sqlite_file, to_datetime
from api.errors import UnknownHome, UnknownKey
from api.keys import repository
from api.keys.schemas import ApiKeyCreate, TenantCreate
from api.keys.service import Keys
from api.settings import Settings
from api.tables import api_keys, tenants
from api.tenancy import SCOPES
from api.wire import WireModel
from nas.cli.answer import Answer

if TYPE_CHECKING:
    from rich.console import Console

Form = TypeVar("Form", bound=WireModel)


def create(settings: Settings, *, name: str, tenant: str, scopes: Sequence[str] | None, days: int | None) -> Answer:
    """Makes a key.

    Raises:
        typer.BadParameter: a name or a scope is wrong.
    """
    fields: Mapping[str, Any] = {
        "name": name,
        "scopes": tuple(scopes or (scope for scope in SCOPES if scope != "admin")),
        "expires_in_s": None if days is None else days * 86_400,
    }
    new = _validated(ApiKeyCreate, fields, {"name": "--name", "scopes": "--scope", "expires_in_s": "--days"})
    owner = _validated(TenantCreate, {"name": tenant}, {"name": "--tenant"})
    settings.make_folders()
    with _open_database(settings) as database:
        made = Keys.open(database, settings.pepper).create_for(owner.name, new)
    return Answer(
        made.model_dump(mode="json"),
        lambda console: console.print(f"{made.id} of {owner.name}, shown only once:\n{made.secret}", soft_wrap=True),
    )


def _validated(form: type[Form], fields: Mapping[str, Any], options: Mapping[str, str]) -> Form:
    """Validates options as the body of the REST interface; `options` names the option of each field."""
    try:
        return form.model_validate(fields)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise typer.BadParameter(f"{wrong['msg']}.", param_hint=options[str(wrong["loc"][0])]) from error


def list_all(settings: Settings) -> Answer:
    """All keys, newest first.

    Raises:
        UnknownHome: there is no service in the home.
    """
    query = select(api_keys, tenants.c.name.label("tenant")).join(tenants, tenants.c.id == api_keys.c.tenant_id)
    with _open_existing(settings) as database, database.read() as connection:
        rows = connection.execute(query.order_by(api_keys.c.id.desc())).all()

    def moment(value: int | None) -> str | None:
        return None if value is None else to_datetime(value).isoformat(timespec="seconds")

    items = [
        {
            "id": row.id,
            "tenant": row.tenant,
            "name": row.name,
            "scopes": row.scopes,
            "created_at": moment(row.created_at),
            "expires_at": moment(row.expires_at),
            "last_used_at": moment(row.last_used_at),
            "revoked_at": moment(row.revoked_at),
        }
        for row in rows
    ]
    return Answer({"items": items}, lambda console: _print(console, items))


def revoke(settings: Settings, key_id: str) -> Answer:
    """Ends a key.

    Raises:
        UnknownHome: there is no service in the home.
        UnknownKey: there is none of that id.
    """
    with _open_existing(settings) as database, database.write() as connection:
        if connection.scalar(select(api_keys.c.id).where(api_keys.c.id == key_id)) is None:
            raise UnknownKey(f"There is no key {key_id!r}.", fix="List them with hwnas keys list.")
        repository.revoke_key(connection, key_id)
    return Answer({"id": key_id, "revoked": True}, lambda console: console.print(f"{key_id} is revoked"))


def _open_existing(settings: Settings) -> contextlib.AbstractContextManager[Database]:
    """The database of a service that has been started, or for which a key was created."""
    file = sqlite_file(settings.database_url)
    if file is not None and not file.exists():
        raise UnknownHome(f"There is no database {file}.", fix="Name the --home of the service, or HWNAS_HOME.")
    return _open_database(settings)


@contextlib.contextmanager
def _open_database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database_url)
    try:
        database.migrate()
        yield database
    finally:
        database.close()


def _print(console: "Console", items: Sequence[Mapping[str, Any]]) -> None:
    from nas.cli.drawing import table

    rendered = table("key", "tenant", "name", "scopes", "last used", "ends")
    rendered.columns[0].no_wrap = True  # an id is copied from here
    for item in items:
        ends = "revoked" if item["revoked_at"] else item["expires_at"] or ""
        scopes = ", ".join(item["scopes"])
        rendered.add_row(item["id"], item["tenant"], item["name"], scopes, item["last_used_at"] or "never", ends)
    console.print(rendered)
