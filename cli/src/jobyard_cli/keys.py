"""`jobyard keys`: API keys, straight in the store, so that the first one can be made."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from jobyard.api_keys import Scope, new_api_key
from jobyard.errors import ConfigurationError, JobyardError
from jobyard.queues import check_name
from jobyard.store import access_calls
from jobyard.store.access_calls import ANY_TENANT
from jobyard.store.access_records import KeyRecord
from jobyard_cli.ledger import entry_of, open_store, user

if TYPE_CHECKING:
    from jobyard.store import Store

app = typer.Typer(help="API keys: make, list and revoke them, straight in the store.")

_PERIOD = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class NoSuchKeyError(JobyardError):
    """No key has this id."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, as the audit log will show it.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; repeat it. Without: everything.")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Whose jobs it sees. Without: an operator's key, all.")
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option(help="As in 12h, 90d or 52w. Without: never.")
    ] = None,
) -> None:
    """Make a key and print it, this once. From the first one on, the API asks for keys."""
    key = new_api_key()
    record = KeyRecord(
        id=key.id,
        name=_checked(name),
        tenant=_tenant(tenant),
        scopes=tuple(sorted(map(str, scope or Scope))),
        digest=key.digest,
        created_by=user(),
        expires_at=_expiry(expires_in),
    )
    entry = entry_of("create_api_key", key.id, record.tenant, " ".join(record.scopes))
    with open_store() as store:
        store.run(access_calls.create_key(record, entry))
    typer.echo(f"Key {key.id} of {record.tenant or 'operators'}; it is not shown again:", err=True)
    typer.echo(key.text)


@app.command()
def new() -> None:
    """Print a key that nothing knows yet, for JOBYARD_BOOTSTRAP_KEY."""
    typer.echo(new_api_key().text)


@app.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only keys of this tenant.")] = None,
) -> None:
    """List keys, newest first, without their secrets."""
    with open_store() as store:
        records = _all(store, ANY_TENANT if tenant is None else _tenant(tenant))
    for record in records:
        fields = (
            record.id,
            record.tenant or "-",
            _day(record.created_at),
            f"used {_day(record.last_used_at)}",
            f"expires {_day(record.expires_at)}",
            ",".join(record.scopes),
            record.name,
        )
        typer.echo("  ".join(fields))


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key.")]) -> None:
    """Revoke a key: within two seconds no API process takes it any more."""
    with open_store() as store:
        known = store.run(access_calls.read_key(key_id))
        tenant = known.record.tenant if known else ""
        entry = entry_of("revoke_api_key", key_id, tenant)
        if not store.run(access_calls.revoke_key(key_id, ANY_TENANT, entry)):
            raise NoSuchKeyError(f"No key {key_id!r} is stored. `jobyard keys list` shows all.")
    typer.echo(f"Key {key_id} is revoked.", err=True)


def _all(store: Store, tenant: str) -> list[KeyRecord]:
    records: list[KeyRecord] = []
    before = None
    while True:
        page = store.run(access_calls.list_keys(tenant, before=before))
        records += page.keys
        before = page.next
        if before is None:
            return records


def _checked(name: str) -> str:
    if not 1 <= len(name) <= 100 or not name.isprintable():  # noqa: PLR2004
        raise ConfigurationError("NAME: use 1 to 100 printable characters")
    return name


def _tenant(tenant: str | None) -> str:
    try:
        return check_name(tenant, "tenant") if tenant is not None else ""
    except ValueError as error:
        raise ConfigurationError(f"--tenant: {error}") from None


def _expiry(period: str | None) -> datetime | None:
    if period is None:
        return None
    found = _PERIOD.fullmatch(period)
    if found is None:
        raise ConfigurationError("--expires-in: use hours, days or weeks, as in 12h, 90d or 52w")
    return datetime.now(UTC) + timedelta(**{_UNITS[found[2]]: int(found[1])})


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d") if moment else "never"
