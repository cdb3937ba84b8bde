"""Runs one loop in a thread: survives every exception of a tick, remembers the last good one."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Protocol

from jobyard.errors import StoreUnavailableError
from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

log = get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
"""A store that comes back is noticed within that; reaping must not wait longer (lease + 5 s)."""


class Loop(Protocol):
    """One duty of the scheduler."""

    @property
    def name(self) -> str:
        """The agent noun."""

    def tick(self) -> float:
        """Does what is due; returns the seconds until it wants to be called again."""


class Runner:
    """The thread of one loop."""

    def __init__(self, loop: Loop, stop: threading.Event) -> None:
        self.last_tick_at: float | None = None
        """When the last tick ended well, in Unix seconds; for health."""
        self.moved_at = time.monotonic()
        """When the last tick ended, well or badly."""
        self._loop = loop
        self._stop = stop
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=loop.name, daemon=True)

    @property
    def name(self) -> str:
        """The loop's name."""
        return self._loop.name

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Waits for the end of the thread, for at most ``seconds``."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            pause_seconds = self._turn()
            self.moved_at = time.monotonic()
            self._stop.wait(pause_seconds)

    def _turn(self) -> float:
        try:
            pause_seconds = self._loop.tick()
        except StoreUnavailableError:
            return self._back_off()
        except Exception:
            log.exception("loop.failed", loop=self.name)
            return self._back_off()
        self._failures = 0
        self.last_tick_at = time.time()
        return pause_seconds

    def _back_off(self) -> float:
        self._failures += 1
        return backoff_seconds(self._failures, random.random)


def backoff_seconds(failures: int, draw: Callable[[], float]) -> float:
    """The pause after so many failures in a row: doubling, bounded, spread over its upper half."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 16))
    return longest * (0.5 + draw() / 2)
