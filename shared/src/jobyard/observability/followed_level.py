"""Follows the level that somebody asks a service for: until its time is over, then back."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobyard.errors import JobyardError
from jobyard.observability.log_level import LEVELS, set_level
from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobyard.observability.log_level import AskedLevel

_log = get_logger(__name__)

LOOK_SECONDS = 1.0
"""How often a process asks the store; one command a second is nothing to it."""


class FollowedLevel:
    """The level of this process. One thread, or one event loop, tells it what was asked for."""

    def __init__(self, configured: str, clock: Callable[[], float] = time.monotonic) -> None:
        """``configured`` holds while nobody asks for another."""
        self._configured = self._level = configured
        self._clock = clock
        self._until = 0.0

    def heed(self, asked: AskedLevel | None) -> None:
        """What the store says now."""
        self._until = self._clock() + asked.seconds if asked else 0.0
        self._turn_to(asked.level if asked else self._configured)

    def stay(self) -> None:
        """The store does not say: what was asked for holds until its time is over."""
        if self._clock() >= self._until:
            self._turn_to(self._configured)

    def _turn_to(self, level: str) -> None:
        if level == self._level:
            return
        before, self._level = self._level, level
        set_level(min(level, before, key=LEVELS.__getitem__))  # so that it is said in either case
        _log.warning("log_level.changed", to=level, before=before, configured=self._configured)
        set_level(level)


@contextmanager
def level_followed(configured: str, read: Callable[[], AskedLevel | None]) -> Iterator[None]:
    """Looks in a thread of its own while inside; ``read`` says what is asked for.

    Args:
        configured: The level of the settings.
        read: May raise ``JobyardError`` where the store is away.
    """
    stopping = threading.Event()
    arguments = (FollowedLevel(configured), read, stopping)
    threading.Thread(target=_follow, args=arguments, name="log-level", daemon=True).start()
    try:
        yield
    finally:
        stopping.set()


def _follow(
    followed: FollowedLevel, read: Callable[[], AskedLevel | None], stopping: threading.Event
) -> None:
    while True:
        try:
            followed.heed(read())
        except JobyardError:
            followed.stay()
        except Exception:  # noqa: BLE001 - the thread outlives whatever one look meets
            if not stopping.is_set():  # else the store was closed under it
                _log.exception("log_level.unread")
            followed.stay()
        if stopping.wait(LOOK_SECONDS):
            return
