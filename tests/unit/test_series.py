"""How many series a worker can ever show: by what it serves, not by what it does or how often."""

from __future__ import annotations

from itertools import cycle, islice, product
from typing import TYPE_CHECKING

from jobyard.lanes import lanes_of
from jobyard.observability.values import Histogram
from jobyard.store.records.delivery import Settled
from jobyard_worker.delivery import Delivery
from jobyard_worker.job_metrics import JobMetrics
from support.builders import KINDS, build_claimed, build_settlement, build_submission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobyard.observability.metrics import Labels
    from jobyard.store.records.delivery import Settlement

TASKS = [f"task.{number}" for number in range(50)]
QUEUES = [f"queue{number}" for number in range(20)]
RESTARTS = 100
JOBS_EACH = 1_000
MOST_SERIES = 28_382
"""20 queues * 51 tasks * (5 outcomes, 21 of the run times, 1 submitted), 20 * 2 * 21 of wait and
age, and 2 refusals: every task in every queue with every outcome. docs/metrics.md says so."""

AT = b"2026-11-24T12:00:00.000000Z"


def ends() -> Iterator[tuple[Delivery, Settlement]]:
    """Jobs of all tasks in all lanes with all outcomes, and of names that nobody registered."""
    lanes = [lane for queue in QUEUES for lane in lanes_of(queue)]
    names = [*TASKS, "nobody.knows", "made.up"]
    for task, lane, kind in product(names, lanes, KINDS):
        job = build_claimed(queue=lane, task=task, enqueued_at=AT, created_at=AT)
        delivery = Delivery(job)
        delivery.task = task
        left = {"follow_ups": (build_submission(queue=lane, task=task),)}
        yield delivery, build_settlement(kind, job, **(left if kind == "succeeded" else {}))


def series_of(metrics: JobMetrics) -> set[tuple[str, Labels, str]]:
    """As Prometheus counts them: a histogram has one a bucket, a sum and a count."""
    found = set()
    for source in metrics.sources:
        bounds = [*map(str, source.metric.buckets), "+Inf", "sum", "count"]
        parts = bounds if isinstance(source, Histogram) else [""]
        found |= {(source.metric.name, labels, part) for labels in source.read() for part in parts}
    return found


def test_series_are_bounded_however_many_jobs_and_restarts_there_are() -> None:
    """Each process begins anew; what one shows has no name of its own in it."""
    jobs, seen = cycle(ends()), set()

    for _ in range(RESTARTS):
        metrics = JobMetrics(TASKS)
        batch = list(islice(jobs, JOBS_EACH))
        metrics.note(batch, [Settled.DONE] * len(batch))
        seen |= series_of(metrics)

    assert len(seen) == MOST_SERIES
    labels = {value for _, values, _ in seen for value in values}
    assert labels <= {*TASKS, *QUEUES, *KINDS, "other", "stale", "vanished"}
