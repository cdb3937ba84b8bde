"""What every line logged inside a job says of it. Children are told the same. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobyard_worker.delivery import Delivery


def fields_of(delivery: Delivery) -> dict[str, object]:
    """For ``LogFields``. A job of no tenant says none."""
    job = delivery.job
    fields: dict[str, object] = {
        "job_id": job.id,
        "task": delivery.task or job.task,
        "queue": job.queue,
        "attempt": job.attempts + 1,
    }
    return {**fields, "tenant": job.tenant} if job.tenant else fields
