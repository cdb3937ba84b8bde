"""Makes and revokes keys, sets quotas, opens sessions, reads the audit log. Knows no path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.api_keys import ApiKey, Scope, digest_of, new_api_key
from jobyard.observability.log_level import Service
from jobyard.store import access_calls, log_level_calls
from jobyard.store.access_calls import ANY_TENANT
from jobyard.store.access_records import KeyRecord
from jobyard_api.access.audit import entry_of
from jobyard_api.access.keyring import BOOTSTRAP
from jobyard_api.access.sessions import SESSION_SECONDS, new_session
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from starlette.types import Scope as ASGIScope

    from jobyard.observability.log_level import AskedLevel
    from jobyard.store import AsyncStore
    from jobyard.store.access_records import AuditPage, KeyPage, Quotas, TenantPage
    from jobyard_api.principal import Principal


class Administration:
    """What may be done about access, by whom. Each change carries its entry of the audit log.

    A key sees and changes what belongs to its tenant, an operator's everything.
    """

    def __init__(self, bootstrap: bytes | None) -> None:
        self._bootstrap = bootstrap
        self._store: AsyncStore | None = None

    def attach(self, store: AsyncStore) -> None:
        """Where all of that is kept."""
        self._store = store

    async def create_key(
        self,
        scope: ASGIScope,
        principal: Principal,
        *,
        name: str,
        tenant: str | None,
        scopes: Iterable[Scope],
        expires_at: datetime | None,
    ) -> tuple[KeyRecord, ApiKey]:
        """A new key, which can do nothing that its maker cannot.

        Raises:
            RefusalError: It could.
        """
        owner = _owner_of(principal, tenant)
        _check_within(principal, scopes)
        key = new_api_key()
        record = KeyRecord(
            id=key.id,
            name=name,
            tenant=owner,
            scopes=tuple(sorted({str(scope) for scope in scopes})),
            digest=key.digest,
            created_by=principal.name,
            expires_at=expires_at,
        )
        entry = entry_of(scope, principal, "create_api_key", key.id, detail=" ".join(record.scopes))
        await self._there.run(access_calls.create_key(record, entry))
        return await self.key(principal, key.id), key

    async def key(self, principal: Principal, key_id: str) -> KeyRecord:
        """One key without its secret.

        Raises:
            RefusalError: There is none of that id.
        """
        known = await self._there.run(access_calls.read_key(key_id))
        if known is None or principal.tenant not in {None, known.record.tenant}:
            raise _no_key(key_id)
        return known.record

    async def keys(self, principal: Principal, before: str | None, limit: int) -> KeyPage:
        """Keys, newest first."""
        call = access_calls.list_keys(_seen(principal), before=before, limit=limit)
        return await self._there.run(call)

    async def revoke_key(self, scope: ASGIScope, principal: Principal, key_id: str) -> None:
        """Ends a key, everywhere within two seconds.

        Raises:
            RefusalError: There is none of that id.
        """
        entry = entry_of(scope, principal, "revoke_api_key", key_id)
        call = access_calls.revoke_key(key_id, _seen(principal), entry)
        if not await self._there.run(call):
            raise _no_key(key_id)

    async def quotas(self, principal: Principal, tenant: str) -> Quotas:
        """What a tenant may use.

        Raises:
            RefusalError: It is another tenant.
        """
        if principal.tenant not in {None, tenant}:
            raise RefusalError(Code.TENANT_NOT_FOUND, "There is no such tenant.")
        return await self._there.run(access_calls.read_quotas(tenant))

    async def tenants(self, after: str | None, limit: int) -> TenantPage:
        """Tenants that have quotas, by name."""
        return await self._there.run(access_calls.list_quotas(after=after, limit=limit))

    async def set_quotas(
        self, scope: ASGIScope, principal: Principal, tenant: str, quotas: Quotas
    ) -> None:
        """Replaces what a tenant may use, everywhere within two seconds."""
        named = {name: getattr(quotas, name) for name in access_calls.QUOTA_FIELDS}
        detail = " ".join(f"{name}={value}" for name, value in named.items() if value is not None)
        entry = entry_of(scope, principal, "set_quotas", tenant, detail=detail)
        await self._there.run(access_calls.set_quotas(tenant, quotas, entry))

    async def log_levels(self) -> dict[Service, AskedLevel | None]:
        """What each service is asked to log."""
        asked = await self._there.run(log_level_calls.log_levels(list(Service)))
        return dict(zip(Service, asked, strict=True))

    async def set_log_level(
        self,
        scope: ASGIScope,
        principal: Principal,
        service: Service,
        level: str | None,
        seconds: int = 0,
    ) -> None:
        """Asks all processes of a service to log from ``level`` on; None: as configured again."""
        detail = f"{level} for {seconds} s" if level else "as configured"
        entry = entry_of(scope, principal, "set_log_level", service, detail=detail)
        await self._there.run(log_level_calls.set_log_level(service, level, seconds, entry))

    async def audit_events(self, principal: Principal, before: str | None, limit: int) -> AuditPage:
        """What was done, newest first."""
        call = access_calls.list_audit(_seen(principal), before=before, limit=limit)
        return await self._there.run(call)

    async def open_session(self, scope: ASGIScope, principal: Principal, key: str) -> str:
        """The secret of a new session of whoever presented this key."""
        session = new_session()
        digest = self._bootstrap if principal.key_id == BOOTSTRAP else digest_of(key)
        call = access_calls.open_session(
            digest_of(session).hex(),
            seconds=SESSION_SECONDS,
            key_id=principal.key_id,
            key_digest=(digest or b"").hex(),
            entry=entry_of(scope, principal, "sign_in", principal.key_id),
        )
        await self._there.run(call)
        return session

    async def close_session(self, scope: ASGIScope, principal: Principal, session: str) -> None:
        """Ends a session, everywhere within two seconds."""
        entry = entry_of(scope, principal, "sign_out", principal.key_id)
        await self._there.run(access_calls.close_session(digest_of(session).hex(), entry))

    @property
    def _there(self) -> AsyncStore:
        assert self._store is not None  # noqa: S101 - routes are served after the start
        return self._store


def _seen(principal: Principal) -> str:
    return ANY_TENANT if principal.tenant is None else principal.tenant


def _owner_of(principal: Principal, tenant: str | None) -> str:
    """The tenant of a new key: a tenant's makes keys of that tenant only."""
    if principal.tenant is None:
        return tenant or ""
    if tenant not in {None, principal.tenant}:
        detail = "This key makes keys of its own tenant only."
        raise RefusalError(Code.BEYOND_OWN_SCOPES, detail)
    return principal.tenant


def _check_within(principal: Principal, scopes: Iterable[Scope]) -> None:
    beyond = sorted(str(scope) for scope in scopes if not principal.may(scope))
    if beyond:
        raise RefusalError(
            Code.BEYOND_OWN_SCOPES,
            f"This key cannot give what it does not have: {', '.join(beyond)}.",
            members={"missing_scopes": beyond},
        )


def _no_key(key_id: str) -> RefusalError:
    return RefusalError(Code.KEY_NOT_FOUND, f"No key {key_id[:64]!r} is stored.")
