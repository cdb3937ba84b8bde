"""Stored jobs as they are read back, and what became of a move by hand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jobyard.lanes import Priority
    from jobyard.states import RQStatus, State
    from jobyard.store.records.delivery import ErrorInfo


class CancelOutcome(StrEnum):
    """What ``cancel`` did with one job."""

    CANCELED = "canceled"
    CANCELING = "canceling"
    ENDED = "ended"
    MISSING = "missing"


class MoveOutcome(StrEnum):
    """What a move by hand (retry, reschedule, delete) did with one job."""

    DONE = "done"
    ENDED = "ended"
    """It has ended, in a way that does not allow the move."""
    RUNNING = "running"
    WAITING = "waiting"
    """It waits, in a way that does not allow the move."""
    TAKEN = "taken"
    """Another job has its unique key by now."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt of a job ended (newest first in ``JobRecord.history``).

    ``attempt`` is its number, as the task was told; None where it is not known (jobs of plain RQ
    code, and what was no attempt at all).
    """

    outcome: str
    attempt: int | None
    started_at: datetime | None
    ended_at: datetime | None
    worker: str
    error: ErrorInfo | None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A stored job as it is read back. ``payload`` and ``result`` are JSON values.

    ``readable`` is False for a record of a foreign serializer: its payload is not shown, and it is
    never unpickled. ``omitted`` names which of the two are kept apart and were not brought.
    """

    id: str
    task: str
    queue: str
    priority: Priority
    state: State
    status: RQStatus
    payload: Any
    readable: bool
    result: Any
    omitted: tuple[str, ...]
    error: ErrorInfo | None
    attempts: int
    deliveries: int
    crashes: int
    progress: Any
    tags: tuple[str, ...]
    meta: Mapping[str, Any]
    tenant: str
    unique_key: str | None
    worker: str
    description: str
    created_at: datetime | None
    enqueued_at: datetime | None
    scheduled_for: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    timeout_seconds: float | None
    result_ttl_seconds: int
    failure_ttl_seconds: int
    retry: Mapping[str, Any]
    history: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a listing: all down to ``(score, id)`` was shown."""

    score: float
    id: str


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of a listing, newest first; ``next`` is None on the last page."""

    jobs: tuple[JobRecord, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that was put aside: why, and when. ``id`` may be cut short, and any text."""

    id: str
    queue: str
    reason: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class UnreadablePage:
    """Some of them, in no order; ``next`` is None on the last page."""

    records: tuple[Unreadable, ...]
    next: int | None
