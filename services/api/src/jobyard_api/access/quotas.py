"""What a tenant may use in a minute, as this process has leased its share of it from the store.

All replicas lease from one window, so together they never admit more than the quota. A process
hands out its share without asking; what it has left when the window ends is lost (at most 1/50 of
the quota each, and 1/16 of what was left when it leased it).
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Protocol

from jobyard.errors import JobyardError
from jobyard.ids import Nonces, new_id
from jobyard.store import access_calls
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError

if TYPE_CHECKING:
    from jobyard.store import AsyncStore
    from jobyard.store.access_records import Leased, Quotas

WINDOW_SECONDS = 60

REQUESTS = "requests_per_minute"
BYTES = "payload_bytes_per_minute"


class Lease(Protocol):
    """Asks the store for at least so many units."""

    async def __call__(self, needed: int) -> Leased:
        """The share that was granted."""


class Meter:
    """One quota of one tenant: ``take`` is quick and asks nobody, ``draw`` asks the store."""

    def __init__(self, quota: int, lease: Lease) -> None:
        self.quota = quota
        self._lease = lease
        self._left = 0
        self._remaining = quota
        self._until = -math.inf
        self._window = -1
        self._low = 0
        self._lock = asyncio.Lock()
        self._ahead: asyncio.Task[None] | None = None

    def take(self, units: int, now: float) -> bool:
        """Uses up ``units`` of what this process has; False when it has not so many."""
        if now >= self._until or self._left < units:
            return False
        self._left -= units
        if self._left < self._low and self._ahead is None and self._remaining:
            self._ahead = asyncio.create_task(self._fetch_ahead())
        return True

    async def draw(self, units: int) -> bool:
        """Uses up ``units``; False when the tenant has no more in this window.

        Raises:
            StoreUnavailableError: The store has to tell, and does not answer.
        """
        async with self._lock:
            now = time.monotonic()
            if self.take(units, now):
                return True
            if now < self._until and units > self._left + self._remaining:
                return False
            await self._fetch(units)
            return self.take(units, time.monotonic())

    def shown(self, now: float) -> tuple[int, int]:
        """About how many are left, and the seconds until the window ends.

        What others leased since is not known here. A window that has not begun is whole.
        """
        until = self._until
        if now >= until:
            return self.quota, WINDOW_SECONDS
        return self._left + self._remaining, int(until - now) + 1

    async def _fetch(self, needed: int) -> None:
        asked_at = time.monotonic()
        leased = await self._lease(needed)
        if leased.quota is None:  # it was lifted a moment ago; whoever reads the key anew knows
            self._left, self._remaining, self._until = needed, 0, asked_at + 1
            return
        if leased.window != self._window or asked_at >= self._until:
            self._window, self._left = leased.window, 0
        # The window ends later than that, by the way of the question: no share outlives it.
        self.quota, self._until = leased.quota, asked_at + leased.left_seconds
        self._left += leased.granted
        self._remaining = leased.remaining
        self._low = leased.granted // 2

    async def _fetch_ahead(self) -> None:
        try:
            async with self._lock:
                await self._fetch(1)
        except JobyardError:
            pass  # the request that needs it asks again, and says so
        finally:
            self._ahead = None


class TenantMeters:
    """The quotas of one tenant that are counted by the minute."""

    def __init__(self, requests: Meter | None, payload: Meter | None) -> None:
        self.requests = requests
        self.payload = payload
        named = ((b"requests", requests, b""), (b"payload", payload, b';qu="content-bytes"'))
        counted = [(name, meter, unit) for name, meter, unit in named if meter is not None]
        self._meters = tuple(meter for _, meter, _ in counted)
        self._form = b", ".join(b'"%s";r=%%d;t=%%d' % name for name, _, _ in counted)
        policies = (
            b'"%s";q=%d;w=%d%s' % (name, meter.quota, WINDOW_SECONDS, unit)
            for name, meter, unit in counted
        )
        self._policy = (b"ratelimit-policy", b", ".join(policies))

    def headers(self, now: float) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
        """``RateLimit-Policy`` and ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers-11)."""
        meters = self._meters
        shown = meters[0].shown(now) if len(meters) == 1 else _all_shown(meters, now)
        return self._policy, (b"ratelimit", self._form % shown)


def _all_shown(meters: tuple[Meter, ...], now: float) -> tuple[int, ...]:
    return tuple(number for meter in meters for number in meter.shown(now))


class Meters:
    """The meters of all tenants that this process has seen. They outlive what is known of keys."""

    def __init__(self) -> None:
        self._store: AsyncStore | None = None
        self._process = new_id()
        self._nonces = Nonces()
        self._meters: dict[tuple[str, str], Meter] = {}
        self._tenants: dict[tuple[str, Quotas], TenantMeters | None] = {}

    def attach(self, store: AsyncStore) -> None:
        """Where shares are leased from now on."""
        self._store = store

    def of(self, tenant: str, quotas: Quotas) -> TenantMeters | None:
        """The meters of a tenant with these quotas; None where nothing is counted."""
        known = (tenant, quotas)
        if known not in self._tenants:
            self._forget(tenant)
            requests = self._meter(tenant, REQUESTS, quotas.requests_per_minute)
            payload = self._meter(tenant, BYTES, quotas.payload_bytes_per_minute)
            counts = requests is not None or payload is not None
            self._tenants[known] = TenantMeters(requests, payload) if counts else None
        return self._tenants[known]

    def _forget(self, tenant: str) -> None:
        for known in [known for known in self._tenants if known[0] == tenant]:
            del self._tenants[known]

    def _meter(self, tenant: str, name: str, quota: int | None) -> Meter | None:
        if quota is None:
            return None

        async def lease(needed: int) -> Leased:
            assert self._store is not None  # noqa: S101 - keys are read before quotas
            nonce = self._nonces.next()
            call = access_calls.lease(tenant, name, needed, self._process, nonce)
            return await self._store.run(call)

        return Meter(quota, lease)


def quota_exhausted(meter: Meter, what: str, now: float) -> RefusalError:
    """429 for a request that would be one too many."""
    _, seconds = meter.shown(now)
    return RefusalError(
        Code.QUOTA_EXHAUSTED,
        f"The tenant's {what} of this minute are used up ({meter.quota}). "
        f"They begin anew in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )
