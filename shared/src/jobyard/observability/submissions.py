"""Counts the jobs that a process stores, by queue and task. Used by all three services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.lanes import base_of
from jobyard.observability.metrics import JOBS_SUBMITTED, OTHER
from jobyard.observability.values import Counter

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.observability.metrics import Labels

MOST = 1000
"""Pairs of queue and task that are told apart: where clients or tasks make up names of queues, and
may, the series stay bounded."""


class Submissions:
    """Counts in one thread."""

    def __init__(self, is_known: Callable[[str], bool] = bool) -> None:
        """Tasks that are not ``is_known`` are not told apart."""
        self.counter = Counter(JOBS_SUBMITTED)
        self._is_known = is_known
        self._labels: dict[tuple[str, str], Labels] = {}

    def note(self, queue: str, task: str) -> None:
        """One more; a lane counts as its queue."""
        self.counter.add(self._labels.get((queue, task)) or self._new_labels(queue, task))

    def _new_labels(self, queue: str, task: str) -> Labels:
        if len(self._labels) >= MOST:
            return OTHER, OTHER
        labels = self._labels[queue, task] = (
            base_of(queue),
            task if self._is_known(task) else OTHER,
        )
        return labels
