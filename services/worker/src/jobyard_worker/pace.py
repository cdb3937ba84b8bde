"""How quick the jobs are, and so how many may be claimed ahead. Pure; times are seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_QUICK_SECONDS = 0.025
"""Slower jobs gain nothing from being claimed ahead: a claim costs about 1 ms."""
_HORIZON_SECONDS = 0.05
"""What is claimed ahead must start within this time."""
_MOST_AHEAD = 128
"""Above this the batch of a call (100) is full anyway."""
_WEIGHT = 0.1
_MEMORY_SECONDS = 0.05
"""How long the rate remembers: as long as it looks ahead."""


class Pace:
    """The moving averages of run times and of the rate at which jobs end, in this worker.

    The rate says how many will start within the horizon, whatever the reason: how long jobs run,
    how many slots long ones keep, and what the interpreter lock lets through.
    """

    def __init__(self) -> None:
        self._mean_seconds = _QUICK_SECONDS * 2
        self._noted_at = 0.0
        self._ended = 0.0
        self._watched_seconds = 0.0

    def begin(self, now: float) -> None:
        """Work begins after a rest, which says nothing of the rate."""
        self._noted_at, self._ended, self._watched_seconds = now, 0.0, 0.0

    def note(self, run_seconds: Sequence[float], now: float) -> None:
        """Takes in how long jobs ran that ended since the last call; the newest weigh most."""
        mean = sum(run_seconds) / len(run_seconds)
        share: float = 1 - (1 - _WEIGHT) ** len(run_seconds)
        self._mean_seconds += share * (mean - self._mean_seconds)
        kept = self._kept(now)
        self._ended = self._ended * kept + len(run_seconds)
        self._watched_seconds = self._watched_seconds * kept + now - self._noted_at
        self._noted_at = now

    def slow_down(self) -> None:
        """What was claimed ahead did not start in time: no more until jobs are quick again."""
        self._mean_seconds = max(self._mean_seconds, _HORIZON_SECONDS * 2)

    def look_ahead(self, now: float) -> int:
        """Jobs beyond the free slots that will start within the horizon."""
        if self._mean_seconds > _QUICK_SECONDS or self._watched_seconds <= 0:
            return 0
        rate = self._ended / self._watched_seconds * self._kept(now)
        return min(int(rate * _HORIZON_SECONDS), _MOST_AHEAD)

    def _kept(self, now: float) -> float:
        return math.exp((self._noted_at - now) / _MEMORY_SECONDS)
