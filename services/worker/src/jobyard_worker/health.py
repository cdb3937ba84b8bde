"""Whether a worker lives, and whether it does its job; asked by probes, in another thread.

Liveness is about this process alone: a store that is away ends no worker, nor does a long job.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard_worker.link import Link
    from jobyard_worker.loop import Loop
    from jobyard_worker.settings import WorkerSettings

LONGEST_STILL_SECONDS = 60.0
"""The loop goes round four times a second, and waits for a store that is silent for 10 s."""


class Health:
    """Of one worker."""

    def __init__(
        self,
        loop: Loop,
        link: Link,
        settings: WorkerSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._link = link
        self._slots = settings.concurrency
        self._stall_seconds = settings.stall_seconds
        self._clock = clock

    def live(self) -> str:
        """What is wrong with this process; empty where nothing is.

        The limit is well below that after which the keeper kills the worker: with probes the
        worker is ended in order first.
        """
        still_seconds = self._clock() - self._loop.turned_at
        if still_seconds > min(LONGEST_STILL_SECONDS, self._stall_seconds / 5):
            return f"the main loop has stood still for {still_seconds:.0f} s"
        if self._loop.overdue_slots(self._stall_seconds) >= self._slots:
            return f"every slot's job is past its timeout by more than {self._stall_seconds:g} s"
        return ""

    def ready(self) -> str:
        """Why it does not take jobs; empty where it does."""
        if self._loop.is_draining:
            return "the worker was told to stop"
        if not self._loop.is_registered:
            return "the worker is not registered with the store"
        try:
            self._link.store.ping()
        except StoreUnavailableError as error:
            return str(error)
        return ""
