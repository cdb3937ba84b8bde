"""What the end of a horse means for its job. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from jobyard.store.records.delivery import ErrorInfo, RQEnded

if TYPE_CHECKING:
    from jobyard.store.records.delivery import Claimed

STOPPED = "stopped"
"""Why a horse was killed: RQ's ``send_stop_job_command``."""
KILLED = "killed"
"""RQ's ``send_kill_horse_command``."""
TIMEOUT = "timeout"
CANCELED = "cancel"


@dataclass(slots=True)
class Journey:
    """What is known of one run: what the horse said, why it was killed, how it died."""

    job: Claimed
    started: float
    ended: float = 0.0
    about: dict[str, Any] = field(default_factory=dict)
    """What it said of its job before it began; empty when it did not get that far."""
    last: dict[str, Any] | None = None
    """Its last word."""
    reason: str = ""
    """Why we killed it; empty when we did not."""
    death: str = ""
    """How it died, in words."""


def ending_of(journey: Journey, *, crash_budget: int) -> RQEnded:
    """The settlement. A last word counts, also when its horse was killed a moment later."""
    facts = _facts(journey)
    if journey.last is not None:
        return _as_said(facts, journey.last)
    match journey.reason:
        case "":
            message = f"The work horse {journey.death}."
            error = ErrorInfo("Crashed", message)
            return RQEnded(**facts, kind="crashed", error=error, budget=crash_budget)
        case "stopped":
            error = ErrorInfo("Stopped", "Job stopped by user, work-horse terminated.")
            return RQEnded(**facts, kind="stopped", error=error, fields=_fields(journey))
        case "timeout":
            message = "The job ran past its timeout, did not heed it and was killed."
            return _failed(facts, journey, ErrorInfo("jobyard.errors.JobTimeoutError", message))
        case "killed":
            message = "Work-horse terminated by a kill-horse command."
            return _failed(facts, journey, ErrorInfo("Killed", message))
        case _:
            return RQEnded(**facts, kind="canceled", error=ErrorInfo("Canceled", "killed as asked"))


class _Facts(TypedDict):
    id: str
    token: str
    started: float
    ended: float


def _facts(journey: Journey) -> _Facts:
    return {
        "id": journey.job.id,
        "token": journey.job.token,
        "started": journey.started,
        "ended": journey.ended,
    }


def _fields(journey: Journey) -> dict[str, str]:
    return dict(journey.about.get("fields", {}))


def _as_said(facts: _Facts, last: dict[str, Any]) -> RQEnded:
    said = dict(last)
    value, error = said.pop("value", ""), said.pop("error", None)
    info = ErrorInfo(**error) if error else None
    return RQEnded(**facts, **said, value=value.encode("latin-1"), error=info)


def _failed(facts: _Facts, journey: Journey, error: ErrorInfo) -> RQEnded:
    """As RQ has it: the attempt failed, and is tried again where the job has retries left."""
    retry = journey.about.get("retry")
    if retry:
        return RQEnded(**facts, **retry, error=error)
    return RQEnded(**facts, kind="failed", error=error, fields=_fields(journey))
