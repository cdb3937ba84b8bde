"""What a child is told of a delivery, and what its answer means. Pure."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from jobyard.follow_ups import submissions_of
from jobyard.store.records.delivery import JournalEntry, Succeeded
from jobyard_worker.execution import limit_of
from jobyard_worker.job_fields import fields_of
from jobyard_worker.outcome import ending_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobyard_worker.delivery import Delivery
    from jobyard_worker.outcome import Ending


def order_of(delivery: Delivery) -> bytes:
    """One line. The record's data goes as it is: what reads it may die of it, so the child does."""
    job = delivery.job
    trace = delivery.trace
    order = {
        "id": job.id,
        "token": job.token,
        "queue": job.queue,
        "attempt": job.attempts + 1,
        "timeout_seconds": limit_of(job.timeout_seconds),
        "retry": job.retry.decode(errors="replace"),
        "fault": job.fault,
        "trace": trace.traceparent if trace else "",
        "data": b64encode(job.data).decode(),
        "log": fields_of(delivery),
    }
    return to_json(order) + b"\n"


def end_of(delivery: Delivery, answer: Mapping[str, Any]) -> Succeeded | Ending:
    """What a child said last of a delivery; its clock is this machine's."""
    started, ended = answer["started"], answer["ended"]
    if "error" in answer:
        return ending_from(answer, started, ended)
    return Succeeded(
        id=delivery.job.id,
        token=delivery.job.token,
        started=started,
        ended=ended,
        attempt=delivery.job.attempts + 1,
        result=answer["result"].encode(),
        journal=tuple(JournalEntry(name, line) for name, line in answer["journal"]),
        follow_ups=submissions_of(answer["follow_ups"]),
    )
