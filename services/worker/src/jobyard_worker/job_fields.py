"""What every line logged inside a job says of it. Children are told the same. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.observability.trace_context import fields_of as trace_fields_of

if TYPE_CHECKING:
    from jobyard_worker.delivery import Delivery


def fields_of(delivery: Delivery) -> dict[str, object]:
    """For ``LogFields``. A job of no tenant says none, and one that is not traced no trace."""
    job = delivery.job
    fields: dict[str, object] = {
        "job_id": job.id,
        "task": delivery.task or job.task,
        "queue": job.queue,
        "attempt": job.attempts + 1,
        **trace_fields_of(delivery.trace),
    }
    return {**fields, "tenant": job.tenant} if job.tenant else fields
