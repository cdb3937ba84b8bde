"""How quick the jobs are, and so how many may be claimed ahead. Pure."""

from __future__ import annotations

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


class Pace:
    """The moving average of run times (seconds), and the look-ahead that follows from it."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._mean_seconds = _QUICK_SECONDS * 2

    def note(self, run_seconds: Sequence[float]) -> None:
        """Takes in how long jobs ran; the newest weigh most."""
        if not run_seconds:
            return
        mean = sum(run_seconds) / len(run_seconds)
        share: float = 1 - (1 - _WEIGHT) ** len(run_seconds)
        self._mean_seconds += share * (mean - self._mean_seconds)

    def slow_down(self) -> None:
        """What was claimed ahead did not start in time: no more until jobs are quick again."""
        self._mean_seconds = max(self._mean_seconds, _HORIZON_SECONDS * 2)

    def look_ahead(self) -> int:
        """Jobs beyond the free slots that will start within the horizon."""
        if self._mean_seconds > _QUICK_SECONDS:
            return 0
        expected = self._slots * _HORIZON_SECONDS / max(self._mean_seconds, 1e-6)
        return min(int(expected), _MOST_AHEAD)
