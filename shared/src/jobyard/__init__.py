"""Jobyard: background jobs over REST, on RQ's records.

What a task author imports; everything else is for Jobyard's own processes.
"""

from __future__ import annotations

from jobyard.context import Context
from jobyard.errors import (
    ConfigurationError,
    InvalidPayloadError,
    JobCanceledError,
    JobTimeoutError,
    JobyardError,
    RetryAfter,
)
from jobyard.payload import EmailAddress, Payload
from jobyard.retry import RetryPolicy
from jobyard.task import Task, TaskFunction, task

__all__ = [
    "ConfigurationError",
    "Context",
    "EmailAddress",
    "InvalidPayloadError",
    "JobCanceledError",
    "JobTimeoutError",
    "JobyardError",
    "Payload",
    "RetryAfter",
    "RetryPolicy",
    "Task",
    "TaskFunction",
    "task",
]
