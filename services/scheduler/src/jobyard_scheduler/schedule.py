"""A schedule: which task, with what, when. And the job of one of its ticks. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from jobyard.store.records.submission import Submission

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jobyard.store.records.catalogue import TaskRecord
    from jobyard_scheduler.timing import Timing


class Missed(StrEnum):
    """What happens to ticks that came due while no scheduler ran."""

    SKIP = "skip"
    """Nothing."""
    LATEST = "latest"
    """The latest of them is fired at the next start, unless it was fired before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A declared schedule. ``queue`` None means the task's own."""

    name: str
    task: str
    timing: Timing
    payload: Mapping[str, Any] = field(default_factory=dict)
    queue: str | None = None
    missed: Missed = Missed.SKIP


def submission_of(schedule: Schedule, tick: datetime, task: TaskRecord) -> Submission:
    """The job of one tick; what the schedule does not say comes from the task."""
    return Submission(
        id=f"cron-{schedule.name}-{int(tick.timestamp())}",
        task=task.name,
        queue=schedule.queue or task.queue,
        payload=json.dumps(dict(schedule.payload)).encode(),
        timeout_seconds=task.timeout_seconds,
        result_ttl_seconds=task.result_ttl_seconds,
        failure_ttl_seconds=task.failure_ttl_seconds,
        retry=json.dumps(dict(task.retry)).encode() if task.retry else b"",
    )
