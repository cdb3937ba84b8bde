"""Promoter: moves delayed jobs and retries into their queues when they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger
from jobyard.observability.metrics import SCHEDULER_LATENESS
from jobyard.store import calls

if TYPE_CHECKING:
    from jobyard_scheduler.attended import AttendedStore
    from jobyard_scheduler.meters import Meters

log = get_logger(__name__)

LONGEST_PAUSE_SECONDS = 0.1
"""A job that is submitted for a moment nearer than the next known one waits no longer."""
SHORTEST_PAUSE_SECONDS = 0.001


class Promoter:
    """Any number may run: the script moves a job only while it is still scheduled."""

    name = "promoter"

    def __init__(self, store: AttendedStore, meters: Meters) -> None:
        """How late the longest overdue of each batch was is shown."""
        self._store = store
        self._lateness = meters.histogram(SCHEDULER_LATENESS)

    def tick(self) -> float:
        """Promotes what is due; the pause ends with the next due time, or sooner."""
        promoted = self._store.run(calls.promote(limit=calls.BATCH))
        if promoted.promoted:
            self._lateness.observe(promoted.late_seconds, (self.name,))
            log.debug("promoter.promoted", jobs=promoted.promoted)
        if promoted.promoted >= calls.BATCH:
            return 0.0
        return _pause_seconds(promoted.next_due_seconds)


def _pause_seconds(next_due_seconds: float | None) -> float:
    if next_due_seconds is None:
        return LONGEST_PAUSE_SECONDS
    return min(max(next_due_seconds, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
