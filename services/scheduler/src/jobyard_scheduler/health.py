"""Whether a scheduler lives, and whether it does its job; asked by probes, in another thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard_scheduler.board import Board
    from jobyard_scheduler.scheduler import Scheduler

STILL_SECONDS = 60.0
"""A turn takes milliseconds; the longest pause between two is 10 s."""
SILENCES = 2
"""A call asks a store that is silent twice, for so long each time as the settings say."""


class Health:
    """Of one scheduler. Liveness is about its own threads: a store that is away ends no turn."""

    def __init__(
        self,
        scheduler: Scheduler,
        board: Board,
        redis_timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scheduler = scheduler
        self._board = board
        self._still_seconds = STILL_SECONDS + SILENCES * redis_timeout_seconds
        self._clock = clock

    def live(self) -> str:
        """Which loops stand still; empty where none does."""
        now = self._clock()
        still = [
            f"{name} for {now - moved_at:.0f} s"
            for name, moved_at in self._scheduler.last_moves().items()
            if now - moved_at > self._still_seconds
        ]
        return f"loops stand still: {', '.join(still)}" if still else ""

    def ready(self) -> str:
        """Why it does not do its job; empty where it does."""
        if self._scheduler.is_stopping:
            return "the scheduler was told to stop"
        if self._board.levels is None:
            return "the store does not answer"
        failing = self._failing()
        return f"loops do not get done: {', '.join(failing)}" if failing else ""

    def _failing(self) -> list[str]:
        """Whose last good tick is long ago, or has not been yet."""
        earliest = time.time() - self._still_seconds
        ticks = self._scheduler.last_ticks()
        return [name for name, tick_at in ticks.items() if (tick_at or 0.0) < earliest]
