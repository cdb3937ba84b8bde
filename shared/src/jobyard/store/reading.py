"""Turns replies of the scripts into records. Pure; used by ``calls.py`` only.

Whatever stands in the store is read without raising: a broken field becomes its empty value.
"""

from __future__ import annotations

import json
import math
import zlib
from base64 import b64decode
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jobyard.errors import UnreadableJobError
from jobyard.lanes import base_of, priority_of
from jobyard.retry import RetryPolicy
from jobyard.states import RQStatus, rq_status, state_of
from jobyard.store import apart
from jobyard.store.data import JobData, decode_data
from jobyard.store.events import About, Watched, place_of
from jobyard.store.records import (
    DEFAULT_FAILURE_TTL_SECONDS,
    DEFAULT_RESULT_TTL_SECONDS,
    Attempt,
    Claim,
    Claimed,
    ErrorInfo,
    JobRecord,
    Published,
    PublishedTask,
    QueueInfo,
    TaskRecord,
    TaskVersion,
    Unreadable,
    UnreadablePage,
    WorkerInfo,
    WorkerJob,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_OUTCOMES = {1: "succeeded", 2: "failed", 3: "canceled", 4: "retried", 5: "failed"}
"""``rq.results.Result.Type``."""

_LAST = frozenset({1, 3})
"""Types of an end that no other attempt follows, and that say no number."""

_MAX_TRACEBACK_BYTES = 1024 * 1024


_MOST_SECONDS = 100 * 365 * 86_400
_MOST_ATTEMPTS = 1_000_000_000

_ROW = 18
"""Values of one job in the reply of a claim."""


def claim(reply: list[Any]) -> Claim:
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
        _number(timeout),
        (_whole(attempts) or 0) if attempts else 0,
        _whole(deliveries) or 0,
        retry,
        suspect == b"1",
        meta,
        enqueued_at,
        created_at,
        task.decode(errors="replace"),
        _ttl(result_ttl, DEFAULT_RESULT_TTL_SECONDS),
        now_ms,
        uses_rq == b"1",
        fault_of(timeout, attempts, retry),
        tenant.decode(errors="replace"),
        _ttl(failure_ttl, DEFAULT_FAILURE_TTL_SECONDS),
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
    number = _number(text)
    return number is not None and math.isfinite(number) and number <= _MOST_SECONDS


def _count_of(text: bytes) -> int:
    number = _whole(text)
    return -1 if number is None else number


def _shown(text: bytes) -> str:
    return repr(text[:40].decode(errors="replace"))


def delivery(member: bytes) -> tuple[str, str]:
    """``id:token`` as a pair."""
    job_id, _, token = member.decode().rpartition(":")
    return job_id, token


def job(
    job_id: str,
    flat: list[bytes],
    due: bytes,
    results: list[Any],
    brought: list[bytes] | None = None,
) -> JobRecord:
    """A job from its hash, its due time and the last of its results (newest first).

    ``brought`` are the payload and the result where they are kept apart; None: they were left out.
    """
    fields = _mapping(flat)
    payload, kept = brought or (b"", b"")
    omitted = _omitted(fields) if brought is None else ()
    data = _data(fields, payload)
    status = _status(fields)
    attempts = _whole(fields.get(b"attempts", b"")) or 0
    history = _history(results, attempts)
    newest = _mapping(results[0][1]) if results else {}
    origin = _text(fields, b"origin")
    return JobRecord(
        id=job_id,
        task=data.task if data else _text(fields, b"task"),
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
        deliveries=_whole(fields.get(b"deliveries", b"")) or 0,
        crashes=_whole(fields.get(b"crashes", b"")) or 0,
        progress=_json(fields.get(b"progress")),
        tags=_texts(fields.get(b"tags")),
        meta=_object(fields.get(b"meta")),
        tenant=_text(fields, b"tenant"),
        unique_key=_text(fields, b"unique") or None,
        worker=_text(fields, b"worker_name"),
        description=_text(fields, b"description"),
        created_at=_time(fields.get(b"created_at")),
        enqueued_at=_time(fields.get(b"enqueued_at")),
        scheduled_for=_moment(due),
        expires_at=_milliseconds(fields.get(b"expires_at")),
        started_at=_time(fields.get(b"started_at")),
        ended_at=_time(fields.get(b"ended_at")),
        timeout_seconds=_number(fields.get(b"timeout", b"")),
        result_ttl_seconds=_ttl(fields.get(b"result_ttl", b""), DEFAULT_RESULT_TTL_SECONDS),
        failure_ttl_seconds=_ttl(fields.get(b"failure_ttl", b""), DEFAULT_FAILURE_TTL_SECONDS),
        retry=_object(fields.get(b"retry")),
        history=history,
    )


def watched(reply: list[Any]) -> Watched:
    """What ``watch.lua`` says of a job."""
    now_ms, queue, status, attempts, cancel, expired, task, progress, place = reply
    return Watched(
        now_ms=now_ms,
        queue=queue.decode(errors="replace"),
        state=state_of(
            rq_status(status.decode(errors="replace")) or RQStatus.CREATED,
            attempts=_whole(attempts) or 0,
            cancel=cancel == b"1",
            expired=bool(expired),
        ),
        task=task.decode(errors="replace"),
        progress=_json(progress),
        place=place_of(place),
    )


def about(row: list[bytes]) -> About:
    """One job of ``about.lua``."""
    task, tenant, tags = row
    return About(task.decode(errors="replace"), tenant.decode(errors="replace"), _texts(tags))


def counts(flat: list[Any]) -> Iterator[tuple[str, int]]:
    """Names and numbers in turn."""
    for name, number in _mapping(flat).items():
        yield name.decode(errors="replace"), int(number)


def queues(reply: list[Any]) -> list[QueueInfo]:
    """What ``queues.lua`` says, by name."""
    now_ms, *rows = reply
    now = _milliseconds(now_ms)
    return sorted((_queue(row, now) for row in rows), key=lambda info: info.name)


_MINUTE_SECONDS = 60


def _queue(row: list[Any], now: datetime | None) -> QueueInfo:
    oldest = _time(row[9])
    return QueueInfo(
        name=row[0].decode(errors="replace"),
        queued=row[1],
        running=row[2],
        scheduled=row[3],
        blocked=row[4],
        succeeded=row[5],
        failed=row[6],
        canceled=row[7],
        workers=row[8],
        oldest_enqueued_at=oldest,
        counters={
            name.decode(errors="replace"): _whole(value) or 0
            for name, value in _mapping(row[13]).items()
        },
        oldest_age_seconds=_seconds_between(oldest, now),
        in_per_second=(_number(row[11]) or 0.0) / _MINUTE_SECONDS,
        out_per_second=(_number(row[12]) or 0.0) / _MINUTE_SECONDS,
        paused=bool(row[10]),
    )


def _seconds_between(then: datetime | None, now: datetime | None) -> float | None:
    if then is None or now is None:
        return None
    try:
        return max(0.0, (now - then).total_seconds())
    except TypeError:  # a time without a zone, which only foreign programs write
        return None


def unreadable(reply: list[bytes]) -> UnreadablePage:
    """What ``unreadable.lua`` says."""
    cursor, *flat = reply
    records = tuple(_put_aside(*row) for row in _mapping(flat).items())
    return UnreadablePage(records, int(cursor) or None)


def _put_aside(job_id: bytes, text: bytes) -> Unreadable:
    said = _object(text.decode(errors="replace").encode())
    return Unreadable(
        id=job_id.decode(errors="replace"),
        queue=str(said.get("queue", "")),
        reason=str(said.get("reason", "")),
        at=_time(str(said.get("at", "")).encode()),
    )


def worker(row: list[Any]) -> WorkerInfo:
    """One worker of ``workers.lua``."""
    name, flat, pool, slots, busy, held, draining, *jobs = row
    fields = _mapping(flat)
    return WorkerInfo(
        name=name.decode(errors="replace"),
        state=_text(fields, b"state") or "unknown",
        queues=tuple(filter(None, _text(fields, b"queues").split(","))),
        pool=pool.decode(errors="replace"),
        slots=_whole(slots) or 0,
        busy=held if _whole(busy) is None else int(busy),
        hostname=_text(fields, b"hostname"),
        pid=_whole(fields.get(b"pid", b"")),
        version=_text(fields, b"version"),
        born_at=_time(fields.get(b"birth")),
        last_heartbeat_at=_time(fields.get(b"last_heartbeat")),
        succeeded=_whole(fields.get(b"successful_job_count", b"")) or 0,
        failed=_whole(fields.get(b"failed_job_count", b"")) or 0,
        engine=_text(fields, b"engine") or "rq",
        held=held,
        draining=bool(draining),
        jobs=tuple(_in_hand(jobs[at : at + 4]) for at in range(0, len(jobs), 4)),
    )


def _in_hand(row: list[bytes]) -> WorkerJob:
    job_id, task, queue = (part.decode(errors="replace") for part in row[:3])
    return WorkerJob(job_id, task, base_of(queue), _time(row[3]))


def published(reply: list[Any]) -> Published:
    """What ``published.lua`` says."""
    queues, rows = reply
    found = filter(None, (_published(*row) for row in rows))
    return Published(
        tuple(sorted(found, key=lambda task: task.record.name)),
        frozenset(name.decode(errors="replace") for name in queues),
    )


def _published(text: bytes, *versions: Any) -> PublishedTask | None:
    record = task(text)
    if record is None:
        return None
    rows = (versions[at : at + 3] for at in range(0, len(versions), 3))
    return PublishedTask(
        record,
        tuple(
            TaskVersion(name.decode(errors="replace"), _milliseconds(since), bool(served))
            for name, since, served in rows
        ),
    )


def task(text: bytes) -> TaskRecord | None:
    """One published task; None when its entry is broken or of an incompatible version."""
    try:
        return TaskRecord(**json.loads(text))
    except (TypeError, ValueError):
        return None


def _history(results: list[Any], attempts: int) -> tuple[Attempt, ...]:
    """The newest row may be the end without an error, which no other attempt followed."""
    newest = attempts or None
    return tuple(
        _attempt(_mapping(row[1]), None if index else newest) for index, row in enumerate(results)
    )


def _attempt(fields: dict[bytes, bytes], if_last: int | None) -> Attempt:
    kind = _whole(fields.get(b"type", b"")) or 2
    said = _object(fields.get(b"error"))
    number = said.get("attempt", if_last if kind in _LAST else None)
    return Attempt(
        outcome="crashed" if said.get("crashed") else _OUTCOMES.get(kind, "failed"),
        attempt=number if isinstance(number, int) else None,
        started_at=_moment(fields.get(b"execution_started_at")),
        ended_at=_moment(fields.get(b"execution_ended_at")),
        worker=_text(fields, b"worker_name"),
        error=None if kind == 1 else _error(fields),
    )


def _error(fields: dict[bytes, bytes]) -> ErrorInfo | None:
    traceback = _traceback(fields.get(b"exc_string", b""))
    said = _object(fields.get(b"error"))
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
    return rq_status(_text(fields, b"status")) or RQStatus.CREATED


def _mapping(flat: list[Any]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=False))


def _text(fields: dict[bytes, bytes], name: bytes) -> str:
    return fields.get(name, b"").decode(errors="replace")


def _json(text: bytes | None) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _texts(text: bytes | None) -> tuple[str, ...]:
    found = _json(text)
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def _object(text: bytes | None) -> dict[str, Any]:
    found = _json(text)
    return found if isinstance(found, dict) else {}


def _number(text: bytes) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _whole(text: bytes) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        return None


def _ttl(text: bytes, default: int) -> int:
    stored = _whole(text)
    return default if stored is None else stored


def _moment(text: bytes | None) -> datetime | None:
    seconds = _number(text or b"")
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _milliseconds(text: bytes | None) -> datetime | None:
    number = _number(text or b"")
    return None if number is None else _moment(b"%f" % (number / 1000))


def _time(text: bytes | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text.decode()) if text else None
    except ValueError:
        return None
