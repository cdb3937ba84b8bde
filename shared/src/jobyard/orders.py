"""What a request asks for, and the submission that comes of it. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import to_json

from jobyard.errors import PayloadTooLargeError
from jobyard.ids import new_id
from jobyard.lanes import lane_of
from jobyard.store.records.submission import Submission

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jobyard.lanes import Priority
    from jobyard.store.records.catalogue import TaskRecord
    from jobyard.store.records.submission import Idempotency, Unique


class Order(NamedTuple):
    """A job as somebody asks for it; what is None comes from the task, an empty id is a new one."""

    task: str
    payload: Mapping[str, Any]
    id: str = ""
    queue: str | None = None
    priority: Priority | None = None
    delay_seconds: float | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    timeout_seconds: int | None = None
    result_ttl_seconds: int | None = None
    failure_ttl_seconds: int | None = None
    retry: bytes | None = None
    tags: tuple[str, ...] = ()
    meta: Mapping[str, Any] = MappingProxyType({})
    description: str = ""
    idempotency: Idempotency | None = None
    unique: Unique | None = None


def submission_of(
    order: Order, task: TaskRecord, tenant: str = "", waiting_limit: int | None = None
) -> Submission:
    """The submission for an order of a tenant, with the task's defaults."""
    return Submission(
        id=order.id or new_id(),
        task=order.task,
        queue=_lane(order, order.queue or task.queue),
        payload=compact(order.payload),
        timeout_seconds=_or(order.timeout_seconds, task.timeout_seconds),
        result_ttl_seconds=_or(order.result_ttl_seconds, task.result_ttl_seconds),
        failure_ttl_seconds=_or(order.failure_ttl_seconds, task.failure_ttl_seconds),
        retry=_retry(task) if order.retry is None else order.retry,
        delay_seconds=order.delay_seconds,
        run_at=order.run_at,
        expires_at=order.expires_at,
        meta=order.meta,
        tags=order.tags,
        tenant=tenant,
        description=order.description or order.task,
        idempotency=order.idempotency,
        unique=order.unique,
        waiting_limit=waiting_limit,
    )


def check_size(submission: Submission, most_bytes: int) -> Submission:
    """``submission``, whose payload is not too large.

    Raises:
        PayloadTooLargeError: It is.
    """
    size = len(submission.payload)
    if size > most_bytes:
        raise PayloadTooLargeError(submission.task, size, most_bytes)
    return submission


def compact(value: Any) -> bytes:
    """JSON text without spaces."""
    return to_json(value, fallback=dict)


def _lane(order: Order, queue: str) -> str:
    return queue if order.priority is None else lane_of(queue, order.priority)


def _retry(task: TaskRecord) -> bytes:
    return compact(task.retry) if task.retry else b""


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
