"""Writes the audit log: who did what to what, from where, and how it went."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from jobyard.errors import JobyardError
from jobyard.ids import new_id
from jobyard.observability.logging import get_logger
from jobyard.store import access_calls
from jobyard.store.access_records import AuditEntry

if TYPE_CHECKING:
    from starlette.types import Scope

    from jobyard.store import AsyncStore
    from jobyard_api.principal import Principal

REFUSALS_EVERY_SECONDS = 1.0
"""Of refusals one a second is noted, with how many came since: nobody fills the log so."""

ANONYMOUS = "anybody"
_LONGEST = 256

_log = get_logger("jobyard_api")


class Audit:
    """The audit log of this process's store."""

    def __init__(self) -> None:
        self._store: AsyncStore | None = None
        self._refused = 0
        self._refused_at = float("-inf")
        self._writing: set[asyncio.Task[None]] = set()

    def attach(self, store: AsyncStore) -> None:
        """Where entries are written from now on."""
        self._store = store

    async def note(self, entry: AuditEntry) -> None:
        """Writes an entry of something that has happened, before its answer is sent.

        Raises:
            StoreUnavailableError: It could not be written; it is in this process's log, whole.
        """
        assert self._store is not None  # noqa: S101 - nothing happens before the start
        try:
            await self._store.run(access_calls.note(entry))
        except JobyardError:
            _log.error("audit.unwritten", **_shown(entry))
            raise

    def note_refused(self, scope: Scope, reason: str, principal: Principal | None = None) -> None:
        """Writes now and then that somebody was refused; the request does not wait for it."""
        self._refused += 1
        now = time.monotonic()
        if now - self._refused_at < REFUSALS_EVERY_SECONDS or self._store is None:
            return
        count, self._refused, self._refused_at = self._refused, 0, now
        detail = f"{reason} ({count} refused since the last entry)"
        entry = entry_of(scope, principal, "authenticate", "", outcome="refused", detail=detail)
        task = asyncio.create_task(self._try_to_note(entry))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _try_to_note(self, entry: AuditEntry) -> None:
        try:
            await self.note(entry)
        except JobyardError:
            return  # it is in the log


def entry_of(
    scope: Scope,
    principal: Principal | None,
    action: str,
    target: str,
    *,
    outcome: str = "done",
    detail: str = "",
) -> AuditEntry:
    """The entry of what a request does; ``principal`` None for somebody without a key."""
    client = scope.get("client")
    return AuditEntry(
        id=new_id(),
        actor=(principal.name if principal else "") or ANONYMOUS,
        key_id=principal.key_id if principal else "",
        tenant=(principal.tenant if principal else "") or "",
        action=action,
        target=target[:_LONGEST],
        outcome=outcome,
        source=str(client[0]) if client else "",
        detail=detail[:_LONGEST],
    )


def _shown(entry: AuditEntry) -> dict[str, str]:
    names = ("actor", "key_id", "tenant", "action", "target", "outcome", "source", "detail")
    return {name: getattr(entry, name) for name in names}
