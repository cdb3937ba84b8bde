"""API keys and quotas straight in the store, as the command line makes them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from jobyard.api_keys import ApiKey, Scope, new_api_key
from jobyard.connection import connect
from jobyard.ids import new_id
from jobyard.settings import Settings
from jobyard.store import Store, access_calls
from jobyard.store.access_records import AuditEntry, KeyRecord, Quotas

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from support.servers import StoreServer


@contextlib.contextmanager
def store_of(server: StoreServer) -> Iterator[Store]:
    """A store on a server."""
    settings = Settings.load(redis_url=server.url, _env_file=None)
    store = Store(connect(settings), settings.keys)
    yield store
    store.close()


def make_key(
    server: StoreServer, tenant: str = "", scopes: Iterable[Scope] = tuple(Scope), **fields: Any
) -> ApiKey:
    """A stored key of a tenant; empty: of an operator."""
    key = new_api_key()
    with store_of(server) as store:
        store.run(access_calls.create_key(build_record(key, tenant, scopes, **fields), entry()))
    return key


def build_record(
    key: ApiKey, tenant: str = "", scopes: Iterable[Scope] = tuple(Scope), **fields: Any
) -> KeyRecord:
    """What the store keeps of a key."""
    values: dict[str, Any] = {"name": f"{tenant or 'operator'}'s", "created_by": "tests"}
    return KeyRecord(
        id=key.id,
        tenant=tenant,
        scopes=tuple(map(str, scopes)),
        digest=key.digest,
        **{**values, **fields},
    )


def revoke(server: StoreServer, key_id: str) -> None:
    """Revokes a key that must be there."""
    with store_of(server) as store:
        assert store.run(access_calls.revoke_key(key_id, access_calls.ANY_TENANT, entry()))


def set_quotas(server: StoreServer, tenant: str, **quotas: int) -> None:
    """What a tenant may use."""
    with store_of(server) as store:
        store.run(access_calls.set_quotas(tenant, Quotas(**quotas), entry()))


def entry(**overrides: str) -> AuditEntry:
    """An entry of the audit log."""
    values = dict.fromkeys(
        ("actor", "key_id", "tenant", "action", "target", "outcome", "source"), "test"
    )
    return AuditEntry(id=overrides.pop("id", new_id()), **{**values, **overrides})
