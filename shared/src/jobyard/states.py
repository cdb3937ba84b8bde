"""The states of a job and the one table that maps them to RQ's. Pure; every service uses it."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What the API says of a job."""

    SCHEDULED = "scheduled"
    BLOCKED = "blocked"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class RQStatus(StrEnum):
    """What RQ writes into a job's ``status`` field (``rq.job.JobStatus``)."""

    CREATED = "created"
    QUEUED = "queued"
    STARTED = "started"
    SCHEDULED = "scheduled"
    DEFERRED = "deferred"
    READY_TO_ENQUEUE = "ready_to_enqueue"
    RATE_LIMITED = "rate_limited"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    CANCELED = "canceled"


_BY_NAME = {status.value: status for status in RQStatus}


def rq_status(name: str) -> RQStatus | None:
    """RQ's status of that name, None for a name that RQ 3 does not know."""
    return _BY_NAME.get(name)


TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELED, State.EXPIRED})

_PLAIN: dict[RQStatus, State] = {
    RQStatus.CREATED: State.BLOCKED,
    RQStatus.QUEUED: State.QUEUED,
    RQStatus.STARTED: State.RUNNING,
    RQStatus.SCHEDULED: State.SCHEDULED,
    RQStatus.DEFERRED: State.BLOCKED,
    RQStatus.READY_TO_ENQUEUE: State.BLOCKED,
    RQStatus.RATE_LIMITED: State.BLOCKED,
    RQStatus.FINISHED: State.SUCCEEDED,
    RQStatus.FAILED: State.FAILED,
    RQStatus.STOPPED: State.CANCELED,
    RQStatus.CANCELED: State.CANCELED,
}


def state_of(
    status: RQStatus, *, attempts: int = 0, cancel: bool = False, expired: bool = False
) -> State:
    """The API's state of a job.

    Args:
        status: RQ's word for it.
        attempts: Attempts that have ended; a scheduled job that has some is being retried.
        cancel: Whether a running job was asked to cancel.
        expired: Whether a job was canceled because it had not started in time.
    """
    if status is RQStatus.CANCELED and expired:
        return State.EXPIRED
    if status is RQStatus.STARTED and cancel:
        return State.CANCELING
    if status is RQStatus.SCHEDULED and attempts > 0:
        return State.RETRYING
    return _PLAIN[status]


def statuses_of(state: State) -> frozenset[RQStatus]:
    """RQ's words that a job in ``state`` may have."""
    if state is State.RETRYING:
        return frozenset({RQStatus.SCHEDULED})
    if state is State.CANCELING:
        return frozenset({RQStatus.STARTED})
    if state is State.EXPIRED:
        return frozenset({RQStatus.CANCELED})
    return frozenset(status for status, plain in _PLAIN.items() if plain is state)
