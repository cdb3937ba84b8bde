"""What every line logged inside a job says of it. Children are told the same. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    }
    if delivery.span is not None:
        fields["trace_id"], fields["span_id"], _ = delivery.span.context
    return {**fields, "tenant": job.tenant} if job.tenant else fields
