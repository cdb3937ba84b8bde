"""What an exception means for a job: its error, and whether it is tried again. Pure."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypedDict

from jobyard.errors import (
    InvalidPayloadError,
    JobCanceledError,
    ResultNotStorableError,
    UnknownTaskError,
    UnreadableJobError,
)
from jobyard.retry import RetryPolicy
from jobyard.store.records import Canceled, Crashed, ErrorInfo, Failed, Retrying

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store.records import Claimed, Settlement

_MESSAGE_BYTES = 2 * 1024
_TRACEBACK_BYTES = 16 * 1024

_FINAL = (InvalidPayloadError, UnknownTaskError, UnreadableJobError, ResultNotStorableError)
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
    """How an attempt ended without a result, and when (``time.monotonic()``)."""

    verdict: Verdict
    error: ErrorInfo
    started: float
    ended: float


def verdict_of(error: BaseException) -> Verdict:
    """What ``error`` means for its job."""
    if isinstance(error, JobCanceledError):
        return Verdict.CANCELED
    return Verdict.FINAL if isinstance(error, _FINAL) else Verdict.FAILED


def describe(error: BaseException) -> ErrorInfo:
    """Type, message and traceback of ``error``, bounded, and always encodable."""
    return ErrorInfo(
        type=_name_of(type(error)),
        message=_head(_text_of(error), _MESSAGE_BYTES),
        traceback=_tail(_traceback_of(error), _TRACEBACK_BYTES),
    )


def settlement_of(
    job: Claimed, ending: Ending, *, crash_budget: int, random: Callable[[], float]
) -> Settlement:
    """What the store is told; the retry policy that came with the job decides on a retry."""
    facts = _Facts(id=job.id, token=job.token, started=ending.started, ended=ending.ended)
    match ending.verdict:
        case Verdict.CANCELED:
            return Canceled(**facts)
        case Verdict.CRASHED:
            return Crashed(**facts, error=ending.error, budget=crash_budget)
        case Verdict.FINAL:
            return Failed(**facts, error=ending.error)
        case Verdict.FAILED:
            delay = _retry_delay(job, random)
            if delay is None:
                return Failed(**facts, error=ending.error)
            return Retrying(**facts, error=ending.error, delay_seconds=delay)


class _Facts(TypedDict):
    """What every settlement says."""

    id: str
    token: str
    started: float
    ended: float


def _retry_delay(job: Claimed, random: Callable[[], float]) -> float | None:
    try:
        policy = RetryPolicy.from_json(job.retry)
    except ValueError:  # a policy that cannot be read is none
        return None
    return policy.delay_seconds(job.attempts + 1, random)


def _name_of(kind: type[BaseException]) -> str:
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


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
