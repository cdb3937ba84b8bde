"""Runs one job in a child process of its own: killable at its timeout and on cancel.

For tasks that ask for it, and for suspects of a crash: only the death of its own child is counted
against a job.
"""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobyard.store.records.delivery import Succeeded
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.executors.nursery import Nursery
    from jobyard_worker.outcome import Ending


class Isolated:
    """Has the nursery start a child for each job; called from the slot that runs the job."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery

    def run(self, delivery: Delivery) -> Succeeded | Ending:
        """Runs the job to its end, or to the end of its child."""
        ends: SimpleQueue[Succeeded | Ending] = SimpleQueue()
        self._nursery.isolate(delivery, lambda _, end: ends.put(end))
        return ends.get()
