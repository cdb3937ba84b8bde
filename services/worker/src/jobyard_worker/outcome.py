"""What an exception means for a job: its error, and whether it is tried again. Pure."""

from __future__ import annotations

import traceback
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypedDict

from jobyard.errors import (
    InvalidPayloadError,
    JobCanceledError,
    PayloadTooLargeError,
    ResultNotStorableError,
    RetryAfter,
    UnknownTaskError,
    UnreadableJobError,
)
from jobyard.retry import Failure, RetryPolicy, class_name, class_names
from jobyard.store.records.delivery import Canceled, Crashed, ErrorInfo, Failed, Retrying, RQEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobyard.store.records.delivery import Claimed, Settlement

_NAME_BYTES = 256
_MESSAGE_BYTES = 2 * 1024
_TRACEBACK_BYTES = 16 * 1024

_FINAL = (
    InvalidPayloadError,
    PayloadTooLargeError,
    UnknownTaskError,
    UnreadableJobError,
    ResultNotStorableError,
)
"""Another attempt cannot end otherwise."""


class Verdict(StrEnum):
    """What kind of end an attempt had."""

    FAILED = "failed"
    """Tried again while the retry policy allows."""
    FINAL = "final"
    """A dead letter at once."""
    CANCELED = "canceled"
    CRASHED = "crashed"
    """The child died by itself; spends the crash budget."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended without a result, and when (``time.monotonic()``).

    ``names`` are the ``class_names`` of what was raised, for the retry policy, and
    ``retry_after_seconds`` what the task asked for.
    """

    verdict: Verdict
    error: ErrorInfo
    started: float
    ended: float
    names: tuple[str, ...] = ()
    retry_after_seconds: float | None = None


def ending_of(error: BaseException, started: float, ended: float) -> Ending:
    """How an attempt ended that raised ``error``."""
    return Ending(
        verdict=verdict_of(error),
        error=describe(error),
        started=started,
        ended=ended,
        names=tuple(_head(name, _NAME_BYTES) for name in class_names(type(error))),
        retry_after_seconds=error.seconds if isinstance(error, RetryAfter) else None,
    )


def message_of(error: BaseException) -> dict[str, Any]:
    """What a child says of ``error``: JSON that ``ending_from`` reads."""
    end = ending_of(error, 0.0, 0.0)
    return {
        "verdict": end.verdict.value,
        "error": asdict(end.error),
        "names": end.names,
        "retry_after_seconds": end.retry_after_seconds,
    }


def ending_from(message: Mapping[str, Any], started: float, ended: float) -> Ending:
    """How an attempt ended in a child, from its ``message_of``."""
    return Ending(
        verdict=Verdict(message["verdict"]),
        error=ErrorInfo(**message["error"]),
        started=started,
        ended=ended,
        names=tuple(message["names"]),
        retry_after_seconds=message["retry_after_seconds"],
    )


def verdict_of(error: BaseException) -> Verdict:
    """What ``error`` means for its job."""
    if isinstance(error, JobCanceledError):
        return Verdict.CANCELED
    return Verdict.FINAL if isinstance(error, _FINAL) else Verdict.FAILED


def describe(error: BaseException) -> ErrorInfo:
    """Type, message and traceback of ``error``, bounded, and always encodable."""
    return ErrorInfo(
        type=_head(class_name(type(error)), _NAME_BYTES),
        message=_head(_text_of(error), _MESSAGE_BYTES),
        traceback=_tail(_traceback_of(error), _TRACEBACK_BYTES),
    )


def settlement_of(
    job: Claimed, ending: Ending, *, crash_budget: int, random: Callable[[], float]
) -> Settlement:
    """What the store is told; the retry policy that came with the job decides on a retry."""
    facts = _Facts(
        id=job.id,
        token=job.token,
        started=ending.started,
        ended=ending.ended,
        attempt=job.attempts + 1,
    )
    match ending.verdict:
        case Verdict.CANCELED:
            return Canceled(**facts, error=ending.error)
        case Verdict.CRASHED:
            return Crashed(**facts, error=ending.error, budget=crash_budget)
        case Verdict.FINAL:
            return Failed(**facts, error=ending.error)
        case Verdict.FAILED:
            delay = _retry_delay(job, ending, random)
            if delay is None:
                return Failed(**facts, error=ending.error)
            return Retrying(**facts, error=ending.error, delay_seconds=delay)


def outcome_of(settlement: Settlement) -> str:
    """Its word in logs and metrics, one of a closed set."""
    if isinstance(settlement, RQEnded):
        return settlement.kind
    return type(settlement).__name__.lower()


class _Facts(TypedDict):
    """What every settlement says."""

    id: str
    token: str
    started: float
    ended: float
    attempt: int


def _retry_delay(job: Claimed, ending: Ending, random: Callable[[], float]) -> float | None:
    try:
        policy = RetryPolicy.from_json(job.retry)
    except ValueError:  # a policy that cannot be read is none
        return None
    return policy.delay_after(_failure_of(job, ending), random)


def _failure_of(job: Claimed, ending: Ending) -> Failure:
    """The wait for a slot is left out of the age: it is short, or the job is given back."""
    return Failure(
        attempt=job.attempts + 1,
        names=ending.names or (ending.error.type,),
        age_seconds=job.age_seconds + ending.ended - ending.started,
        retry_after_seconds=ending.retry_after_seconds,
    )


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a task's own exception may be broken
        return "<the message of this exception cannot be shown>"


def _traceback_of(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - as above; a slot must outlive whatever its task raises
        return "".join(traceback.format_tb(error.__traceback__))


def _head(text: str, most_bytes: int) -> str:
    data = text.encode(errors="backslashreplace")
    return data[:most_bytes].decode(errors="ignore")


def _tail(text: str, most_bytes: int) -> str:
    """The end of a traceback says where it broke."""
    data = text.encode(errors="backslashreplace")
    return data[-most_bytes:].decode(errors="ignore")
