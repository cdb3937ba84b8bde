"""The scheduler: all loops together, from their start to their end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger
from jobyard_scheduler.loops.runner import Loop, Runner

if TYPE_CHECKING:
    from collections.abc import Sequence

log = get_logger(__name__)


class Scheduler:
    """One thread a loop. None needs the others, and no worker need be alive."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._stop = threading.Event()
        self._runners = [Runner(loop, self._stop) for loop in loops]

    def start(self) -> None:
        """Starts every loop."""
        for runner in self._runners:
            runner.start()
        log.info("scheduler.started", loops=[runner.name for runner in self._runners])

    def stop(self, seconds: float) -> None:
        """Lets every loop end its tick, for at most ``seconds``; each tick is safe to cut off."""
        self._stop.set()
        deadline = time.monotonic() + seconds
        for runner in self._runners:
            runner.join(max(0.0, deadline - time.monotonic()))
        log.info("scheduler.stopped")

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def last_moves(self) -> dict[str, float]:
        """When each loop's last tick ended, well or badly (``time.monotonic``)."""
        return {runner.name: runner.moved_at for runner in self._runners}

    def last_ticks(self) -> dict[str, float | None]:
        """When each loop's last good tick ended, in Unix seconds; None before the first."""
        return {runner.name: runner.last_tick_at for runner in self._runners}
