"""`jobyard quotas`: what tenants may use, straight in the store."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from jobyard.errors import ConfigurationError
from jobyard.queues import check_name
from jobyard.store import access_calls
from jobyard.store.access_records import Quotas
from jobyard_cli.ledger import entry_of, open_store

if TYPE_CHECKING:
    from jobyard.store import Store

app = typer.Typer(help="Quotas: what each tenant may use, straight in the store.")

Count = Annotated[int | None, typer.Option(min=0, help="Without: no limit.")]


@app.command("set")
def set_quotas(
    tenant: Annotated[str, typer.Argument(help="Name of the tenant.")],
    requests_per_minute: Count = None,
    payload_bytes_per_minute: Count = None,
    waiting_jobs: Count = None,
) -> None:
    """Replace the quotas of a tenant; what is left out is not limited."""
    quotas = Quotas(
        requests_per_minute=requests_per_minute,
        payload_bytes_per_minute=payload_bytes_per_minute,
        waiting_jobs=waiting_jobs,
    )
    try:
        check_name(tenant, "tenant")
    except ValueError as error:
        raise ConfigurationError(f"TENANT: {error}") from None
    with open_store() as store:
        entry = entry_of("set_quotas", tenant, detail=_shown(quotas))
        store.run(access_calls.set_quotas(tenant, quotas, entry))
    typer.echo(f"{tenant}: {_shown(quotas)}", err=True)


@app.command("list")
def list_quotas() -> None:
    """List the tenants that have quotas, by name."""
    with open_store() as store:
        for tenant, quotas in _all(store):
            typer.echo(f"{tenant}  {_shown(quotas)}")


def _all(store: Store) -> list[tuple[str, Quotas]]:
    found: list[tuple[str, Quotas]] = []
    after = None
    while True:
        page = store.run(access_calls.list_quotas(after=after))
        found += page.tenants
        after = page.next
        if after is None:
            return found


def _shown(quotas: Quotas) -> str:
    named = {name: value for name, value in asdict(quotas).items() if value is not None}
    return " ".join(f"{name}={value}" for name, value in named.items()) or "no limits"
