"""The longest time that a job of a pool may run, whatever the job itself asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from jobyard.store.records.delivery import Claimed

_log = get_logger(__name__)


def capped(job: Claimed, most_seconds: float) -> Claimed:
    """The job with a timeout of at most ``most_seconds`` (0: any); says so where that cuts it."""
    asked = job.timeout_seconds
    seconds = capped_seconds(asked, most_seconds)
    if seconds == asked:
        return job
    _log.info(
        "job.timeout_capped",
        job_id=job.id,
        queue=job.queue,
        timeout_seconds=asked,
        max_job_seconds=most_seconds,
    )
    return job._replace(timeout_seconds=seconds)


def capped_seconds(asked: float | None, most_seconds: float) -> float | None:
    """A timeout within the limit; RQ writes -1 (or nothing) for none, which is beyond any."""
    if not most_seconds or (asked is not None and 0 < asked <= most_seconds):
        return asked
    return most_seconds
