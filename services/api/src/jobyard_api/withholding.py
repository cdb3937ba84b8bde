"""What a key without ``payloads:read`` sees of a job: what it is and how far it came. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from jobyard_api.models import JobError
from jobyard_api.principal import Scope

if TYPE_CHECKING:
    from jobyard.store.records.delivery import ErrorInfo
    from jobyard.store.records.job import Attempt, JobRecord
    from jobyard_api.models import Job
    from jobyard_api.principal import Principal

_NOTHING = dict.fromkeys(("payload", "result", "progress"))
_STAMPS = frozenset({"job_id", "submitted_at", "task_name", "tags"})
"""What the classic routes note of a submission; all else in ``meta`` may repeat the payload."""


def shown(job: Job, principal: Principal) -> Job:
    """The job as its reader may see it."""
    if principal.may(Scope.PAYLOADS_READ):
        return job
    error = job.error and JobError(type=job.error.type, message=None, traceback=None)
    return job.model_copy(update={**_NOTHING, "error": error, "withheld": True})


def text_shown(text: bytes, principal: Principal) -> bytes:
    """As ``shown`` for a job that is JSON already."""
    return text if principal.may(Scope.PAYLOADS_READ) else to_json(_hidden(from_json(text)))


def result_shown(text: bytes, principal: Principal) -> bytes:
    """As ``text_shown`` for the outcome of one job of a batch."""
    if principal.may(Scope.PAYLOADS_READ):
        return text
    result = from_json(text)
    return to_json({**result, "job": _hidden(result["job"])}) if "job" in result else text


def seen_by(record: JobRecord, principal: Principal) -> JobRecord:
    """The record without what its reader may not see."""
    if principal.may(Scope.PAYLOADS_READ):
        return record
    return replace(
        record,
        payload=None,
        result=None,
        progress=None,
        error=_silent(record.error),
        meta={name: value for name, value in record.meta.items() if name in _STAMPS},
        description="",
        history=tuple(attempt_seen_by(attempt, principal) for attempt in record.history),
    )


def attempt_seen_by(attempt: Attempt, principal: Principal) -> Attempt:
    """The attempt without what its reader may not see."""
    if principal.may(Scope.PAYLOADS_READ):
        return attempt
    return replace(attempt, error=_silent(attempt.error))


def note_of(principal: Principal) -> dict[str, Any]:
    """The member that says so, beside what is shown; nothing for one who sees all."""
    return {} if principal.may(Scope.PAYLOADS_READ) else {"withheld": True}


def _hidden(job: dict[str, Any]) -> dict[str, Any]:
    error = job["error"] and {"type": job["error"]["type"], "message": None, "traceback": None}
    return {**job, **_NOTHING, "error": error, "withheld": True}


def _silent(error: ErrorInfo | None) -> ErrorInfo | None:
    return error and replace(error, message="", traceback="")
