"""How long workers of a yard take from being wanted to their first claim, read off its log."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CHANGE = re.compile(r"workers (\d+) → (\d+) \(")
_STARTED = re.compile(r"^worker-\d+ .*worker\.started ")
_LOOK_SECONDS = 0.05


class Starts:
    """Follows a log that grows, in a thread; the first that was wanted is the first that starts."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._wanted_at: deque[float] = deque()
        self._seconds: list[float] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def mean_seconds(self) -> float:
        """Of all starts so far; ends the following.

        Raises:
            ValueError: No worker started.
        """
        self._stopping.set()
        self._thread.join()
        if not self._seconds:
            raise ValueError("no worker started")
        return sum(self._seconds) / len(self._seconds)

    def _follow(self) -> None:
        with self._log.open(encoding="utf-8", errors="replace") as lines:
            while not self._stopping.is_set():
                if line := lines.readline():
                    self._read(line, time.monotonic())
                else:
                    self._stopping.wait(_LOOK_SECONDS)

    def _read(self, line: str, now: float) -> None:
        if change := _CHANGE.search(line):
            more = int(change[2]) - int(change[1])
            self._wanted_at.extend([now] * more)
        elif _STARTED.search(line) and self._wanted_at:
            self._seconds.append(now - self._wanted_at.popleft())
