"""Estimator: looks at what each pool has to do, and says how many workers it needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.scaling import desired_workers
from jobyard.store import scaling_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jobyard.observability.values import Values
    from jobyard.scaling import Load, Pool
    from jobyard_scheduler.attended import AttendedStore

PAUSE_SECONDS = 1.0
"""Busy slots are written once a second, so more looks would see no more."""
STALE_SECONDS = 10.0
"""An older look says nothing any more: who scales by it must not believe that nothing waits."""


class Estimator:
    """Any number may run: each only looks."""

    name = "estimator"

    def __init__(
        self,
        store: AttendedStore,
        pools: Sequence[Pool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self.pools = tuple(pools)
        self._clock = clock
        self._seen: tuple[float, Mapping[str, Load]] | None = None

    def tick(self) -> float:
        """One look at all pools."""
        if self.pools:
            began = self._clock()
            self._seen = (began, self._store.run(scaling_calls.loads(self.pools)))
        return PAUSE_SECONDS

    def loads(self) -> Mapping[str, Load] | None:
        """What each pool had to do a moment ago; None where that is not known."""
        seen = self._seen
        if not self.pools:
            return {}
        return seen[1] if seen and self._clock() - seen[0] < STALE_SECONDS else None

    def desired(self) -> Values:
        """The workers that each pool needs, within its limits; nothing where that is not known."""
        loads = self.loads() or {}
        return {
            (pool.name,): desired_workers(loads[pool.name], pool)
            for pool in self.pools
            if pool.name in loads
        }

    def limits(self) -> Values:
        """The workers that each pool may have at most."""
        return {(pool.name,): pool.max for pool in self.pools}
