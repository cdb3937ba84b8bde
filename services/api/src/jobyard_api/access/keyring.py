"""The keys and sessions that this process has seen lately: no request pays a round trip for them.

Every entry is forgotten when somebody may do less than before, which the store is asked all the
time: a revoked key ends within ``STALE_SECONDS`` in every process, whatever happens to the network.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobyard.api_keys import digest_of, id_in
from jobyard.errors import JobyardError, StoreUnavailableError
from jobyard.observability.logging import get_logger
from jobyard.store import access_calls
from jobyard_api.principal import ANYBODY, PUBLIC_TENANT, Principal, Scope, public_of

if TYPE_CHECKING:
    from jobyard.store import AsyncStore
    from jobyard.store.access_records import AccessState, KnownKey
    from jobyard_api.access.quotas import Meters, TenantMeters

STALE_SECONDS = 2.0
REFRESH_SECONDS = 0.7
REMEMBER_SECONDS = 60.0
"""An entry is read anew so often; only then it is noted that its key was used."""

MOST_REMEMBERED = 10_000
BOOTSTRAP = "bootstrap"

_log = get_logger("jobyard_api")


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who presents a key or a session, and until when this is known (``time.monotonic``)."""

    principal: Principal
    meters: TenantMeters | None
    until: float


class Keyring:
    """Who is who, as the store says.

    The cache is a dict from the SHA-256 of what is presented. A lookup compares hashes of the
    digest, then the digest itself: an attacker who measures it learns about the digest of his own
    guess, of which he cannot choose a single bit to be right, and nothing of the key. So no
    constant-time comparison is needed, and no key is kept in memory.
    """

    def __init__(self, meters: Meters, *, bootstrap: bytes | None, may_stand_open: bool) -> None:
        self._meters = meters
        self._bootstrap = bootstrap
        self._may_stand_open = may_stand_open
        self._store: AsyncStore | None = None
        self._known: dict[bytes, Admitted] = {}
        self._used: set[str] = set()
        self._waiting: dict[str, int | None] = {}
        self._state: AccessState | None = None
        self._generation = 0
        self._fresh_until = -math.inf
        self._failed_at = -math.inf
        self._asking: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def attach(self, store: AsyncStore) -> None:
        """Where keys are looked up from now on."""
        self._store = store

    def find(self, digest: bytes, now: float) -> Admitted | None:
        """Who presents what has this digest, if that is known and not too old to be believed."""
        found = self._known.get(digest)
        if found is not None and now < found.until and now < self._fresh_until:
            return found
        return None

    def stands_open(self, now: float) -> bool:
        """Whether it is known that no keys are in use."""
        return (
            self._may_stand_open
            and now < self._fresh_until
            and self._state is not None
            and not self._state.keys_in_use
        )

    async def is_open(self) -> bool:
        """Whether nobody is asked for a key.

        Raises:
            StoreUnavailableError: The store has to tell, and does not answer.
        """
        if not self._may_stand_open:
            return False
        await self._make_fresh()
        if self._state is not None and self._state.keys_in_use:
            await self._ask()  # before somebody is refused: a store that was emptied stands open
        return self._state is not None and not self._state.keys_in_use

    async def key(self, text: str) -> Admitted | None:
        """Who presents this key; None when it is none, or is not one any more.

        Raises:
            StoreUnavailableError: The store has to tell, and does not answer.
        """
        digest = digest_of(text)
        if self._bootstrap is not None and hmac.compare_digest(digest, self._bootstrap):
            return self._remember(digest, self._bootstrap_admitted(), self._generation)
        key_id = id_in(text)
        if key_id is None:
            return None
        await self._make_fresh()
        generation = self._generation
        known = await self._there.run(access_calls.read_key(key_id))
        if known is None or not hmac.compare_digest(known.record.digest, digest.hex()):
            return None
        admitted = self._admitted(known)
        return admitted and self._remember(digest, admitted, generation)

    async def session(self, digest: bytes, csrf: str) -> Admitted | None:
        """Who signed in with the session whose secret has this digest; None for none.

        Raises:
            StoreUnavailableError: The store has to tell, and does not answer.
        """
        await self._make_fresh()
        generation = self._generation
        found = await self._there.run(access_calls.read_session(digest.hex()))
        if found is None:
            return None
        if found.key_id == BOOTSTRAP and found.digest == (self._bootstrap or b"").hex():
            admitted: Admitted | None = self._bootstrap_admitted(csrf)
        elif found.key is not None and found.digest == found.key.record.digest:
            admitted = self._admitted(found.key, csrf)
        else:
            return None
        return admitted and self._remember(digest, admitted, generation, found.left_seconds)

    async def public(self) -> Admitted:
        """Somebody without a key where the classic routes are open.

        Raises:
            StoreUnavailableError: The store has to tell what the public may use.
        """
        known = self.find(b"", time.monotonic())
        if known is not None:
            return known
        await self._make_fresh()
        generation = self._generation
        quotas = await self._there.run(access_calls.read_quotas(PUBLIC_TENANT))
        meters = self._meters.of(PUBLIC_TENANT, quotas)
        self._waiting[PUBLIC_TENANT] = quotas.waiting_jobs
        admitted = Admitted(public_of(quotas.waiting_jobs), meters, math.inf)
        return self._remember(b"", admitted, generation)

    def waiting_limit_of(self, tenant: str) -> int | None:
        """How many jobs of a tenant may wait, as it was when its key was looked up."""
        return self._waiting.get(tenant)

    async def until_refused(self, principal: Principal) -> None:
        """Returns once somebody who was admitted would be no more, for answers that go on."""
        while True:
            changed = self._changed
            seconds = await self._valid_seconds(principal)
            if seconds <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if seconds == math.inf else seconds):
                    await changed.wait()

    async def keep_fresh(self) -> None:
        """Asks the store for ever whether somebody may do less, and says which keys were used."""
        while True:
            await self._look_again()
            await self._say_used()
            await asyncio.sleep(REFRESH_SECONDS)

    async def say_used(self) -> None:
        """Says which keys were used since the last time; at the end of the process."""
        await self._say_used()

    @property
    def _there(self) -> AsyncStore:
        if self._store is None:
            raise StoreUnavailableError("The API has not started yet")
        return self._store

    async def _make_fresh(self) -> None:
        """Asks the store now, together with whoever asks too; not again right after a failure."""
        now = time.monotonic()
        if now < self._fresh_until:
            return
        if now - self._failed_at < REFRESH_SECONDS:
            raise StoreUnavailableError("The store does not answer")
        await self._ask()

    async def _ask(self) -> None:
        """Asks the store, or waits for the answer to whoever asks right now."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._refresh())
        await asyncio.shield(self._asking)

    async def _refresh(self) -> None:
        asked_at = time.monotonic()
        try:
            state = await self._there.run(access_calls.access())
        except JobyardError:
            self._failed_at = time.monotonic()
            raise
        if state != self._state:
            self._state = state
            self._generation += 1
            self._known.clear()
            self._changed.set()
            self._changed = asyncio.Event()
        self._fresh_until = asked_at + STALE_SECONDS

    async def _valid_seconds(self, principal: Principal) -> float:
        """How long somebody is admitted as things are now; a store that is away is asked again."""
        if principal.key_id == BOOTSTRAP:
            return math.inf
        try:
            if not principal.key_id:
                return math.inf if await self.is_open() else 0.0
            known = await self._there.run(access_calls.read_key(principal.key_id))
        except JobyardError:
            return REFRESH_SECONDS
        if known is None:
            return 0.0
        return math.inf if known.left_seconds is None else known.left_seconds

    async def _look_again(self) -> None:
        try:
            await self._refresh()
        except JobyardError as error:
            _log.debug("access.stale", reason=str(error))
        except Exception:  # noqa: BLE001 - the loop's boundary: a bad answer must not end it
            _log.exception("access.refresh_failed")

    async def _say_used(self) -> None:
        if not self._used:
            return
        used = list(self._used)[:100]
        try:
            await self._there.run(access_calls.keys_used(used))
        except JobyardError:
            return
        except Exception:  # noqa: BLE001 - as above
            _log.exception("access.last_used_failed")
        self._used.difference_update(used)

    def _remember(
        self, digest: bytes, admitted: Admitted, generation: int, left_seconds: float = math.inf
    ) -> Admitted:
        """Keeps it, unless somebody may do less since it was read: then it holds this once."""
        until = min(admitted.until, time.monotonic() + min(left_seconds, REMEMBER_SECONDS))
        found = Admitted(admitted.principal, admitted.meters, until)
        if generation == self._generation:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[digest] = found
        return found

    def _admitted(self, known: KnownKey, csrf: str = "") -> Admitted | None:
        record, quotas, left_seconds = known
        if left_seconds is not None and left_seconds <= 0:
            return None
        self._used.add(record.id)
        principal = Principal(
            record.name,
            record.tenant or None,
            frozenset(Scope(name) for name in record.scopes if name in set(Scope)),
            record.id,
            csrf,
            quotas.waiting_jobs if record.tenant else None,
        )
        meters = self._meters.of(record.tenant, quotas) if record.tenant else None
        self._waiting[record.tenant] = quotas.waiting_jobs if record.tenant else None
        left = math.inf if left_seconds is None else left_seconds
        return Admitted(principal, meters, time.monotonic() + left)

    def _bootstrap_admitted(self, csrf: str = "") -> Admitted:
        principal = Principal(BOOTSTRAP, None, ANYBODY.scopes, BOOTSTRAP, csrf)
        return Admitted(principal, None, math.inf)
