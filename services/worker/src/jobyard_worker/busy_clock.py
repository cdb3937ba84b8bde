"""How many seconds the slots of a worker have been busy, added up. Pure, but for the clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class BusyClock:
    """Told by the main loop whenever slots were filled or freed; read in any thread.

    What is read never falls: a counter that does counts anew for who reads it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._state = (0.0, 0, clock())

    def note(self, busy: int) -> None:
        """So many slots are busy from now on."""
        seconds, before, since = self._state
        now = self._clock()
        self._state = seconds + before * (now - since), busy, now

    @property
    def seconds(self) -> float:
        """Up to now."""
        now = self._clock()  # before the state: one that is newer is complete up to then
        seconds, busy, since = self._state
        return seconds + busy * max(0.0, now - since)
