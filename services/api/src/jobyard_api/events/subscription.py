"""What the hub has for one listener: bounded, so that a slow one costs no memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobyard.store.events import Change

LIMIT = 2_000
"""Changes that wait for one listener."""


class Subscription:
    """Changes of one job, or of all where ``job_id`` is None, until the listener takes them."""

    def __init__(self, job_id: str | None, limit: int = LIMIT) -> None:
        self.job_id = job_id
        self.is_lost = False
        """Whether changes are missing: too many waited, or the hub itself lost its place."""
        self.is_over = False
        """Whether this process is about to end."""
        self._limit = limit
        self._changes: deque[Change] = deque()
        self._news = asyncio.Event()

    def push(self, changes: Iterable[Change]) -> None:
        """More changes, unless some are missing already."""
        if self.is_lost:
            return
        self._changes.extend(changes)
        if len(self._changes) > self._limit:
            self.lose()
        self._news.set()

    def lose(self) -> None:
        """Changes are missing from here on."""
        self._changes.clear()
        self.is_lost = True
        self._news.set()

    def end(self) -> None:
        """Nothing more will come."""
        self.is_over = True
        self._news.set()

    def begin_anew(self) -> None:
        """The listener goes after what is missing; what happens from now on is kept again."""
        self._changes.clear()
        self.is_lost = False

    def take(self) -> list[Change]:
        """What has come so far."""
        taken = list(self._changes)
        self._changes.clear()
        if not self.is_over:
            self._news.clear()
        return taken

    async def wait(self, seconds: float) -> bool:
        """Returns as soon as there is something, or that is over; False after ``seconds``."""
        if self._news.is_set():
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        return self._news.is_set()
