"""A task as it is published in the store, with the defaults of this installation filled in."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic_core import to_json

from jobyard.store.records.catalogue import TaskRecord
from jobyard.store.records.submission import DEFAULT_FAILURE_TTL_SECONDS, DEFAULT_RESULT_TTL_SECONDS

if TYPE_CHECKING:
    from jobyard.settings import Settings
    from jobyard.task import Task


def stand_in(name: str, settings: Settings) -> TaskRecord:
    """The record of a task that only other processes have: what this installation gives to all."""
    return TaskRecord(
        name=name,
        schema={},
        queue=settings.default_queue,
        timeout_seconds=settings.default_timeout_seconds,
        result_ttl_seconds=DEFAULT_RESULT_TTL_SECONDS,
        failure_ttl_seconds=DEFAULT_FAILURE_TTL_SECONDS,
        retry={},
        isolated=False,
        description="",
        version="",
    )


def record_of(task: Task, settings: Settings) -> TaskRecord:
    """The record of ``task`` that ``calls.publish_tasks`` takes.

    Its version is a fingerprint of what the task takes, so that a change shows.
    """
    return TaskRecord(
        name=task.name,
        schema=task.payload.schema,
        queue=task.queue or settings.default_queue,
        timeout_seconds=task.timeout_seconds or settings.default_timeout_seconds,
        result_ttl_seconds=task.result_ttl_seconds or DEFAULT_RESULT_TTL_SECONDS,
        failure_ttl_seconds=task.failure_ttl_seconds or DEFAULT_FAILURE_TTL_SECONDS,
        retry=task.retry.model_dump(mode="json", exclude_defaults=True),
        isolated=task.isolated,
        description=task.description,
        version=hashlib.sha256(to_json(task.payload.schema)).hexdigest()[:12],
    )
