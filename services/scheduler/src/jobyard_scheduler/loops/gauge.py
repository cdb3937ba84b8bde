"""Gauge: looks at queues, pools and the server, and puts what it sees on the board."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.store.levels import levels

if TYPE_CHECKING:
    from jobyard_scheduler.attended import AttendedStore
    from jobyard_scheduler.board import Board

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0
SHARE = 0.005
"""Of the store's time for one scheduler's gauge: with hundreds of queues it looks less often."""
LATE_SECONDS = 3.0
"""A look that comes later than that after the pause: what was seen before counts no longer."""


class Gauge:
    """Any number may run: all see the same."""

    name = "gauge"

    def __init__(self, store: AttendedStore, board: Board) -> None:
        self._store = store
        self._board = board

    def tick(self) -> float:
        """Looks once."""
        began = time.perf_counter()
        try:
            seen = self._store.run(levels())
        except BaseException:
            self._board.clear()
            raise
        pause_seconds = pause_after(time.perf_counter() - began)
        self._board.show(seen, pause_seconds + LATE_SECONDS)
        return pause_seconds


def pause_after(look_seconds: float) -> float:
    """The pause after a look that took so long."""
    return min(max(PAUSE_SECONDS, look_seconds / SHARE), LONGEST_PAUSE_SECONDS)
