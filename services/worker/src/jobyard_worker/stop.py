"""Why a job that runs is told to end, and what its task is told then."""

from __future__ import annotations

from enum import StrEnum

from jobyard.errors import JobCanceledError, JobTimeoutError


class Stop(StrEnum):
    """Why a job is to end before its task returns."""

    CANCEL = "cancel"
    """Its job was asked to cancel."""
    TIMEOUT = "timeout"
    """Its time is over."""
    LEAVE = "leave"
    """The worker gives it back, or has lost it: it ends at once."""


def error_of(why: Stop, limit_seconds: float | None) -> JobCanceledError | JobTimeoutError:
    """What is raised inside the task."""
    if why is Stop.TIMEOUT:
        return JobTimeoutError(f"The task ran past its timeout of {limit_seconds or 0:g} s.")
    return JobCanceledError("The job was asked to cancel.")
