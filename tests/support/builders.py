"""Records with sensible values; a test names only what it is about."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jobyard.ids import Nonces, new_id
from jobyard.store.records.catalogue import TaskRecord
from jobyard.store.records.delivery import (
    Canceled,
    Claimed,
    Crashed,
    ErrorInfo,
    Failed,
    Retrying,
    RQEnded,
    Succeeded,
)
from jobyard.store.records.submission import Submission

if TYPE_CHECKING:
    from jobyard.store.records.delivery import Settlement

BOOM = ErrorInfo("ValueError", "boom", "Traceback (most recent call last):\nValueError: boom\n")
KINDS = ("succeeded", "failed", "retrying", "canceled", "crashed")

_NONCES = Nonces()


def build_nonce() -> str:
    """The name of a claim, greater than all before."""
    return _NONCES.next()


def build_submission(**overrides: Any) -> Submission:
    """A job of task ``noop`` on ``default``."""
    values: dict[str, Any] = {
        "id": new_id(),
        "task": "noop",
        "queue": "default",
        "payload": b"{}",
        "timeout_seconds": 180,
        "result_ttl_seconds": 3600,
        "failure_ttl_seconds": 604_800,
    }
    return Submission(**{**values, **overrides})


def build_claimed(token: str = "token", **overrides: Any) -> Claimed:
    """The delivery ``token`` of a job ``id-<token>`` of queue ``q``."""
    values: dict[str, Any] = {
        "id": f"id-{token}",
        "token": token,
        "queue": "q",
        "data": b"",
        "timeout_seconds": None,
        "attempts": 0,
        "deliveries": 1,
        "retry": b"",
        "suspect": False,
        "meta": b"",
        "enqueued_at": b"",
        "created_at": b"",
        "task": "noop",
        "result_ttl_seconds": 60,
        "claimed_ms": 0,
    }
    return Claimed(**{**values, **overrides})


def build_task_record(**overrides: Any) -> TaskRecord:
    """A published task ``noop`` that takes anything."""
    values: dict[str, Any] = {
        "name": "noop",
        "schema": {},
        "queue": "default",
        "timeout_seconds": 60,
        "result_ttl_seconds": 60,
        "failure_ttl_seconds": 60,
        "retry": {},
        "isolated": False,
        "description": "",
        "version": "1",
    }
    return TaskRecord(**{**values, **overrides})


def build_rq_ending(kind: Any, claimed: Claimed, **overrides: Any) -> RQEnded:
    """How ``claimed``, a job of plain RQ code, ended; ``kind`` is one of ``RQEnded``'s."""
    now = time.monotonic()
    values: dict[str, Any] = {
        "id": claimed.id,
        "token": claimed.token,
        "started": now,
        "ended": now,
    }
    if kind == "succeeded":
        values["value"] = b'"done"'
    else:
        values |= {"error": BOOM, "budget": 3}
    return RQEnded(**{**values, "kind": kind, **overrides})


def build_settlement(kind: str, claimed: Claimed, **overrides: Any) -> Settlement:
    """How ``claimed`` ended; ``kind`` is one of ``KINDS``."""
    now = time.monotonic()
    common = {"id": claimed.id, "token": claimed.token, "started": now, "ended": now}
    match kind:
        case "succeeded":
            return Succeeded(**{**common, "result": b'"done"', **overrides})
        case "failed":
            return Failed(**{**common, "error": BOOM, **overrides})
        case "retrying":
            return Retrying(**{**common, "error": BOOM, "delay_seconds": 60.0, **overrides})
        case "canceled":
            return Canceled(**{**common, **overrides})
        case "crashed":
            return Crashed(**{**common, "error": BOOM, "budget": 3, **overrides})
        case _:
            raise ValueError(kind)
