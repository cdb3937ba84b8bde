"""Carries what running tasks say of their progress to the store, the newest of each job only."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from jobyard.errors import StoreDataError
from jobyard.store import calls
from jobyard.store.records.delivery import Progressed

if TYPE_CHECKING:
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.link import Link
    from jobyard_worker.wake import Wake

_PAUSE_SECONDS = 0.1
"""A task may report in a tight loop; readers see ten values a second."""

_LATE_SECONDS = 0.5
"""When a value is sent again that was stored, but not told to who follows the job."""


class Progress:
    """``report`` is called by tasks and never waits for the store; ``flush`` by the main loop."""

    def __init__(self, link: Link, wake: Wake) -> None:
        self._link = link
        self._wake = wake
        self._reported: deque[Delivery] = deque()
        self._late: deque[tuple[float, Delivery]] = deque()
        self._next_flush = 0.0

    def report(self, delivery: Delivery) -> None:
        """``delivery`` has new progress."""
        if delivery.is_reported:
            return
        delivery.is_reported = True
        self._reported.append(delivery)
        if time.monotonic() >= self._next_flush:
            self._wake.set()

    def flush_when_due(self) -> None:
        """Stores what was reported, unless that happened a moment ago.

        Raises:
            StoreUnavailableError: The store is away; the values may be lost, which is all right.
        """
        now = time.monotonic()
        while self._late and self._late[0][0] <= now:
            _, delivery = self._late.popleft()
            delivery.is_late = False
            self.report(delivery)
        if self._reported and now >= self._next_flush:
            self.flush()

    def flush(self) -> None:
        """Stores what was reported; before a settlement, so that the last value is kept.

        Raises:
            StoreUnavailableError: As above.
        """
        self._next_flush = time.monotonic() + _PAUSE_SECONDS
        for _ in range(len(self._reported)):
            self._store(self._reported.popleft())

    def _store(self, delivery: Delivery) -> None:
        delivery.is_reported = False  # first: what comes from here on is reported again
        if delivery.is_orphaned:
            return
        value = delivery.progress
        with suppress(StoreDataError):
            call = calls.progress(delivery.job.id, delivery.job.token, value)
            if self._link.run(call) is Progressed.KEPT and not delivery.is_late:
                delivery.is_late = True
                self._late.append((time.monotonic() + _LATE_SECONDS, delivery))
