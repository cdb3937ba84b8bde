"""Reads what a claim brings, and what is wrong with it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from jobyard.retry import RetryPolicy
from jobyard.store.reading.fields import number_of, ttl_of, whole_of
from jobyard.store.records.delivery import Claim, Claimed
from jobyard.store.records.submission import DEFAULT_FAILURE_TTL_SECONDS, DEFAULT_RESULT_TTL_SECONDS

_MOST_SECONDS = 100 * 365 * 86_400

_MOST_ATTEMPTS = 1_000_000_000

_ROW = 18
"""Values of one job in the reply of a claim."""


def read_claim(reply: list[Any]) -> Claim:
    """What ``claim.lua`` says."""
    if reply[0] == b"gone":
        return Claim((), gone=True)
    _, now_ms, more, too_new, broken = reply[:5]
    jobs = tuple(_claimed(reply[at : at + _ROW], now_ms) for at in range(5, len(reply), _ROW))
    passed_over = tuple(broken.decode(errors="replace").split(",")) if broken else ()
    return Claim(jobs, more=bool(more), too_new=too_new, broken=passed_over)


def _claimed(row: list[bytes], now_ms: int) -> Claimed:
    id_, token, queue, data, timeout, attempts, deliveries, retry, suspect, *rest = row
    meta, enqueued_at, created_at, task, result_ttl, uses_rq, tenant, failure_ttl, trace = rest
    return Claimed(
        id_.decode(),
        token.decode(),
        queue.decode(),
        data,
        number_of(timeout),
        (whole_of(attempts) or 0) if attempts else 0,
        whole_of(deliveries) or 0,
        retry,
        suspect == b"1",
        meta,
        enqueued_at,
        created_at,
        task.decode(errors="replace"),
        ttl_of(result_ttl, DEFAULT_RESULT_TTL_SECONDS),
        now_ms,
        uses_rq == b"1",
        fault_of(timeout, attempts, retry),
        tenant.decode(errors="replace"),
        ttl_of(failure_ttl, DEFAULT_FAILURE_TTL_SECONDS),
        trace,
    )


@lru_cache(maxsize=1000)
def fault_of(timeout: bytes, attempts: bytes, retry: bytes) -> str:
    """What is wrong with the fields that say how a job is run; empty where nothing is.

    To run it by a default could run it for ever, or too often. Few jobs differ in these fields.
    """
    if timeout and not _is_number_of_seconds(timeout):
        return f"its timeout is no number of seconds: {_shown(timeout)}"
    if attempts and not 0 <= _count_of(attempts) <= _MOST_ATTEMPTS:
        return f"its attempts are no number of them: {_shown(attempts)}"
    try:
        RetryPolicy.from_json(retry)
    except ValueError:
        return f"its retry is no retry policy: {_shown(retry)}"
    return ""


def _is_number_of_seconds(text: bytes) -> bool:
    number = number_of(text)
    return number is not None and math.isfinite(number) and number <= _MOST_SECONDS


def _count_of(text: bytes) -> int:
    number = whole_of(text)
    return -1 if number is None else number


def _shown(text: bytes) -> str:
    return repr(text[:40].decode(errors="replace"))


def read_delivery(member: bytes) -> tuple[str, str]:
    """``id:token`` as a pair."""
    job_id, _, token = member.decode().rpartition(":")
    return job_id, token
