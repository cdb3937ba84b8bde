"""Trimmer: measures what ended jobs take, and forgets the oldest where that is above a budget."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger
from jobyard.observability.metrics import JOBS_PRUNED, QUEUE_RETAINED
from jobyard.store import calls

if TYPE_CHECKING:
    from jobyard.store.records.upkeep import Trimmed
    from jobyard_scheduler.attended import AttendedStore
    from jobyard_scheduler.budgets import Budgets
    from jobyard_scheduler.meters import Meters

log = get_logger(__name__)

PAUSE_SECONDS = 10.0
FULL_PAUSE_SECONDS = 1.0
"""Between two looks at a queue that is nearly at its budget, or was above it: the jobs that end
meanwhile come on top."""
NEARLY = 0.8
CHUNK = 200
"""Jobs that one call forgets: 5 ms of the server's time."""
CHUNK_PAUSE_SECONDS = 0.01
"""Between chunks the server belongs to everybody else."""


class Trimmer:
    """Any number may run: each call measures anew before it forgets anything."""

    name = "trimmer"

    def __init__(self, store: AttendedStore, budgets: Budgets, meters: Meters) -> None:
        """What each queue's ended jobs take is shown, and what was forgotten counted."""
        self._store = store
        self._budgets = budgets
        self._retained = meters.gauge(QUEUE_RETAINED)
        self._pruned = meters.counter(JOBS_PRUNED)
        self._full: list[str] = []
        self._look_at = 0.0

    def tick(self) -> float:
        """Looks at each queue; those that are full come again sooner, alone."""
        looks = {queue: self._trim(queue) for queue in self._queues()}
        self._full = [queue for queue, trimmed in looks.items() if self._is_full(queue, trimmed)]
        if any(trimmed.more for trimmed in looks.values()):
            return CHUNK_PAUSE_SECONDS
        until_all = max(0.0, self._look_at - time.monotonic())
        return min(FULL_PAUSE_SECONDS, until_all) if self._full else until_all

    def _queues(self) -> list[str]:
        """All of them once in ten seconds, the full ones in between."""
        now = time.monotonic()
        if now < self._look_at:
            return self._full
        self._look_at = now + PAUSE_SECONDS
        return [info.name for info in self._store.run(calls.queues())]

    def _is_full(self, queue: str, trimmed: Trimmed) -> bool:
        budget = self._budgets.of(queue)
        return trimmed.forgotten > 0 or 0 < budget * NEARLY < trimmed.retained_bytes

    def _trim(self, queue: str) -> Trimmed:
        budget = self._budgets.of(queue)
        trimmed = self._store.run(calls.trim(queue, budget_bytes=budget, limit=CHUNK))
        self._retained.set(trimmed.retained_bytes, (queue,))
        if trimmed.forgotten:
            self._pruned.add((queue, "budget"), trimmed.forgotten)
            _report(queue, budget, trimmed)
        return trimmed


def _report(queue: str, budget: int, trimmed: Trimmed) -> None:
    """That dead letters went is a warning: somebody may have wanted to look at them."""
    say = log.warning if trimmed.failed else log.info
    say(
        "trimmer.forgot",
        queue=queue,
        budget_bytes=budget,
        retained_bytes=trimmed.retained_bytes,
        succeeded=trimmed.succeeded,
        canceled=trimmed.canceled,
        failed=trimmed.failed,
    )
