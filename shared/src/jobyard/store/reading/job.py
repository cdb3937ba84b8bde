"""Reads stored jobs: their fields, their results, what is watched of them."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from typing import Any

from jobyard.errors import UnreadableJobError
from jobyard.lanes import base_of, priority_of
from jobyard.states import RQStatus, rq_status, state_of
from jobyard.store import apart
from jobyard.store.data import JobData, decode_data
from jobyard.store.events import About, Watched, place_of
from jobyard.store.reading.fields import (
    json_of,
    mapping_of,
    moment_of,
    moment_of_milliseconds,
    number_of,
    object_of,
    text_of,
    texts_of,
    time_of,
    ttl_of,
    whole_of,
)
from jobyard.store.records.delivery import ErrorInfo
from jobyard.store.records.job import Attempt, JobRecord
from jobyard.store.records.submission import DEFAULT_FAILURE_TTL_SECONDS, DEFAULT_RESULT_TTL_SECONDS

_OUTCOMES = {1: "succeeded", 2: "failed", 3: "canceled", 4: "retried", 5: "failed"}
"""``rq.results.Result.Type``."""

_LAST = frozenset({1, 3})
"""Types of an end that no other attempt follows, and that say no number."""

_MAX_TRACEBACK_BYTES = 1024 * 1024


def read_job(
    job_id: str,
    flat: list[bytes],
    due: bytes,
    results: list[Any],
    brought: list[bytes] | None = None,
) -> JobRecord:
    """A job from its hash, its due time and the last of its results (newest first).

    ``brought`` are the payload and the result where they are kept apart; None: they were left out.
    """
    fields = mapping_of(flat)
    payload, kept = brought or (b"", b"")
    omitted = _omitted(fields) if brought is None else ()
    data = _data(fields, payload)
    status = _status(fields)
    attempts = whole_of(fields.get(b"attempts", b"")) or 0
    history = _history(results, attempts)
    newest = mapping_of(results[0][1]) if results else {}
    origin = text_of(fields, b"origin")
    return JobRecord(
        id=job_id,
        task=data.task if data else text_of(fields, b"task"),
        queue=base_of(origin),
        priority=priority_of(origin),
        state=state_of(
            status,
            attempts=attempts,
            cancel=fields.get(b"cancel") == b"1",
            expired=b"expired" in fields,
        ),
        status=status,
        payload=data.payload if data else None,
        readable=data is not None or "payload" in omitted,
        result=_result(newest, fields, kept) if status is RQStatus.FINISHED else None,
        omitted=omitted,
        error=history[0].error if history and status is not RQStatus.FINISHED else None,
        attempts=attempts,
        deliveries=whole_of(fields.get(b"deliveries", b"")) or 0,
        crashes=whole_of(fields.get(b"crashes", b"")) or 0,
        progress=json_of(fields.get(b"progress")),
        tags=texts_of(fields.get(b"tags")),
        meta=object_of(fields.get(b"meta")),
        tenant=text_of(fields, b"tenant"),
        unique_key=text_of(fields, b"unique") or None,
        worker=text_of(fields, b"worker_name"),
        description=text_of(fields, b"description"),
        created_at=time_of(fields.get(b"created_at")),
        enqueued_at=time_of(fields.get(b"enqueued_at")),
        scheduled_for=moment_of(due),
        expires_at=moment_of_milliseconds(fields.get(b"expires_at")),
        started_at=time_of(fields.get(b"started_at")),
        ended_at=time_of(fields.get(b"ended_at")),
        timeout_seconds=number_of(fields.get(b"timeout", b"")),
        result_ttl_seconds=ttl_of(fields.get(b"result_ttl", b""), DEFAULT_RESULT_TTL_SECONDS),
        failure_ttl_seconds=ttl_of(fields.get(b"failure_ttl", b""), DEFAULT_FAILURE_TTL_SECONDS),
        retry=object_of(fields.get(b"retry")),
        history=history,
    )


def read_watched(reply: list[Any]) -> Watched:
    """What ``watch.lua`` says of a job."""
    now_ms, queue, status, attempts, cancel, expired, task, progress, place = reply
    return Watched(
        now_ms=now_ms,
        queue=queue.decode(errors="replace"),
        state=state_of(
            rq_status(status.decode(errors="replace")) or RQStatus.CREATED,
            attempts=whole_of(attempts) or 0,
            cancel=cancel == b"1",
            expired=bool(expired),
        ),
        task=task.decode(errors="replace"),
        progress=json_of(progress),
        place=place_of(place),
    )


def read_about(row: list[bytes]) -> About:
    """One job of ``about.lua``."""
    task, tenant, tags = row
    return About(task.decode(errors="replace"), tenant.decode(errors="replace"), texts_of(tags))


def _history(results: list[Any], attempts: int) -> tuple[Attempt, ...]:
    """The newest row may be the end without an error, which no other attempt followed."""
    newest = attempts or None
    return tuple(
        _attempt(mapping_of(row[1]), None if index else newest) for index, row in enumerate(results)
    )


def _attempt(fields: dict[bytes, bytes], if_last: int | None) -> Attempt:
    kind = whole_of(fields.get(b"type", b"")) or 2
    said = object_of(fields.get(b"error"))
    number = said.get("attempt", if_last if kind in _LAST else None)
    return Attempt(
        outcome="crashed" if said.get("crashed") else _OUTCOMES.get(kind, "failed"),
        attempt=number if isinstance(number, int) else None,
        started_at=moment_of(fields.get(b"execution_started_at")),
        ended_at=moment_of(fields.get(b"execution_ended_at")),
        worker=text_of(fields, b"worker_name"),
        error=None if kind == 1 else _error(fields),
    )


def _error(fields: dict[bytes, bytes]) -> ErrorInfo | None:
    traceback = _traceback(fields.get(b"exc_string", b""))
    said = object_of(fields.get(b"error"))
    if said:
        return ErrorInfo(str(said.get("type", "")), str(said.get("message", "")), traceback)
    if not traceback:
        return None
    kind, _, message = traceback.strip().rpartition("\n")[2].partition(": ")
    return ErrorInfo(kind, message, traceback)


def _traceback(packed: bytes) -> str:
    if not packed:
        return ""
    try:
        text = zlib.decompressobj().decompress(b64decode(packed), _MAX_TRACEBACK_BYTES)
    except (ValueError, zlib.error):
        return ""
    return text.decode(errors="replace")


def _omitted(fields: dict[bytes, bytes]) -> tuple[str, ...]:
    return tuple(name for name, size in _APART.items() if size in fields)


_APART = {"payload": b"payload_bytes", "result": b"result_bytes"}
"""Which field says that what is kept apart."""


def _result(newest: dict[bytes, bytes], fields: dict[bytes, bytes], kept: bytes) -> Any:
    try:
        if b"result_bytes" in fields:
            return json.loads(apart.result_of(kept) or b"null")
        return json.loads(b64decode(newest.get(b"return_value", b"")) or b"null")
    except (ValueError, RecursionError):
        return None


def _data(fields: dict[bytes, bytes], payload: bytes) -> JobData | None:
    try:
        return decode_data(payload if b"payload_bytes" in fields else fields.get(b"data", b""))
    except UnreadableJobError:
        return None


def _status(fields: dict[bytes, bytes]) -> RQStatus:
    return rq_status(text_of(fields, b"status")) or RQStatus.CREATED
