"""What a worker counts of the jobs that end here, and what it shows beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.lanes import base_of
from jobyard.observability import metrics
from jobyard.observability.build import build_info
from jobyard.observability.metrics import OTHER
from jobyard.observability.submissions import Submissions
from jobyard.observability.values import Counter, Histogram, Reading
from jobyard.store.records.delivery import REFUSED, Settled, Succeeded
from jobyard_worker.outcome import outcome_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from jobyard.observability.values import Source
    from jobyard.store.records.delivery import Settlement
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.link import Link
    from jobyard_worker.loop import Loop
    from jobyard_worker.settings import WorkerSettings

_FOR_GOOD = frozenset({"succeeded", "failed", "canceled", "stopped"})
"""Outcomes after which a job does not come again; a crash may be one of several."""


class JobMetrics:
    """Counts a batch of settlements at once, for one settler at a time."""

    def __init__(self, tasks: Container[str]) -> None:
        """``tasks`` are those that are told apart by name."""
        self._tasks = tasks
        self._queues: dict[str, str] = {}
        self._completed = Counter(metrics.JOBS_COMPLETED)
        self._runs = Histogram(metrics.JOB_RUN_SECONDS)
        self._waits = Histogram(metrics.JOB_WAIT_SECONDS)
        self._ages = Histogram(metrics.JOB_END_TO_END_SECONDS)
        self._submissions = Submissions(tasks.__contains__)
        self._refused = Counter(metrics.SETTLEMENTS_REFUSED, *((reply.value,) for reply in REFUSED))

    @property
    def sources(self) -> list[Source]:
        """What is shown of them."""
        return [
            self._completed,
            self._runs,
            self._waits,
            self._ages,
            self._refused,
            self._submissions.counter,
        ]

    def note(
        self, batch: Iterable[tuple[Delivery, Settlement]], replies: Sequence[Settled]
    ) -> None:
        """The store has answered: each was stored, or refused."""
        for (delivery, settlement), reply in zip(batch, replies, strict=True):
            if reply in REFUSED:
                self._refused.add((reply.value,))
            else:
                self._note_end(delivery, settlement)

    def _note_end(self, delivery: Delivery, settlement: Settlement) -> None:
        job, outcome = delivery.job, outcome_of(settlement)
        queue = self._queues.get(job.queue) or self._queue_of(job.queue)
        task = delivery.task if delivery.task in self._tasks else OTHER
        span = delivery.span
        trace_id = span.context.trace_id if span is not None and span.is_recorded else ""
        self._completed.add((queue, task, outcome))
        self._runs.observe(settlement.ended - settlement.started, (queue, task), trace_id)
        wait_seconds = job.wait_seconds if job.enqueued_at else 0.0
        if job.enqueued_at:
            here_seconds = max(0.0, settlement.started - delivery.taken_at)
            self._waits.observe(wait_seconds + here_seconds, (queue,), trace_id)
        if outcome in _FOR_GOOD and job.created_at:
            # Most are ready at once: to read the same time twice would be a fifth of all this.
            is_same = job.created_at == job.enqueued_at
            here_seconds = max(0.0, settlement.ended - delivery.taken_at)
            age_seconds = wait_seconds if is_same else job.age_seconds
            self._ages.observe(age_seconds + here_seconds, (queue,), trace_id)
        if isinstance(settlement, Succeeded) and settlement.follow_ups:
            for left in settlement.follow_ups:
                self._submissions.note(left.queue, left.task)

    def _queue_of(self, lane: str) -> str:
        """A worker serves few queues; to cut a name takes longer than to look it up."""
        queue = self._queues[lane] = base_of(lane)
        return queue


def sources_of(jobs: JobMetrics, settings: WorkerSettings, loop: Loop, link: Link) -> list[Source]:
    """All that one worker shows."""
    pool, slots = (settings.pool,), settings.concurrency
    return [
        *jobs.sources,
        Reading(metrics.WORKER_SLOTS, lambda: {pool: slots}),
        Reading(metrics.WORKER_BUSY_SLOTS, lambda: {pool: loop.busy_slots}),
        Reading(metrics.WORKER_BUSY_SECONDS, lambda: {pool: loop.busy_clock.seconds}),
        Reading(metrics.STORE_FAILURES, lambda: {(): link.failures}),
        build_info("worker"),
    ]
