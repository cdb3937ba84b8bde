"""How long the jobs of each task take, and so how many a child may have in hand. Pure."""

from __future__ import annotations

_HAND_SECONDS = 0.005
"""What a child has in hand should end within this time: a job that has just come waits for it."""
_MOST_IN_HAND = 32
_WEIGHT = 0.1
_ENOUGH_JOBS = 3
"""Before that many were seen a task is not called quick."""
_MOST_TASKS = 10_000


class Tempo:
    """Moving averages of run times, in seconds."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}
        self._seen: dict[str, int] = {}

    def note(self, task: str, run_seconds: float) -> None:
        """A job of ``task`` ran that long."""
        seen = self._seen.get(task, 0)
        if not seen and len(self._seen) >= _MOST_TASKS:
            return
        self._seen[task] = seen + 1
        mean = self._means.get(task, run_seconds)
        self._means[task] = mean + _WEIGHT * (run_seconds - mean)

    def most_in_hand(self, task: str) -> int:
        """How many jobs, of this task the last, a child may have in hand; at least one."""
        if self._seen.get(task, 0) < _ENOUGH_JOBS:
            return 1
        expected = _HAND_SECONDS / max(self._means[task], 1e-6)
        return max(1, min(int(expected), _MOST_IN_HAND))
