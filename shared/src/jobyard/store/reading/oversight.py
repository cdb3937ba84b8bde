"""Reads queues, workers and unreadable records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobyard.lanes import base_of
from jobyard.store.reading.fields import (
    mapping_of,
    moment_of_milliseconds,
    number_of,
    object_of,
    text_of,
    time_of,
    whole_of,
)
from jobyard.store.records.job import Unreadable, UnreadablePage
from jobyard.store.records.oversight import QueueInfo, WorkerInfo, WorkerJob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


def read_counts(flat: list[Any]) -> Iterator[tuple[str, int]]:
    """Names and numbers in turn."""
    for name, number in mapping_of(flat).items():
        yield name.decode(errors="replace"), int(number)


def read_queues(reply: list[Any]) -> list[QueueInfo]:
    """What ``queues.lua`` says, by name."""
    now_ms, *rows = reply
    now = moment_of_milliseconds(now_ms)
    return sorted((_queue(row, now) for row in rows), key=lambda info: info.name)


_MINUTE_SECONDS = 60


def _queue(row: list[Any], now: datetime | None) -> QueueInfo:
    oldest = time_of(row[9])
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
            name.decode(errors="replace"): whole_of(value) or 0
            for name, value in mapping_of(row[13]).items()
        },
        oldest_age_seconds=_seconds_between(oldest, now),
        in_per_second=(number_of(row[11]) or 0.0) / _MINUTE_SECONDS,
        out_per_second=(number_of(row[12]) or 0.0) / _MINUTE_SECONDS,
        paused=bool(row[10]),
    )


def _seconds_between(then: datetime | None, now: datetime | None) -> float | None:
    if then is None or now is None:
        return None
    try:
        return max(0.0, (now - then).total_seconds())
    except TypeError:  # a time without a zone, which only foreign programs write
        return None


def read_unreadable(reply: list[bytes]) -> UnreadablePage:
    """What ``unreadable.lua`` says."""
    cursor, *flat = reply
    records = tuple(_put_aside(*row) for row in mapping_of(flat).items())
    return UnreadablePage(records, int(cursor) or None)


def _put_aside(job_id: bytes, text: bytes) -> Unreadable:
    said = object_of(text.decode(errors="replace").encode())
    return Unreadable(
        id=job_id.decode(errors="replace"),
        queue=str(said.get("queue", "")),
        reason=str(said.get("reason", "")),
        at=time_of(str(said.get("at", "")).encode()),
    )


def read_worker(row: list[Any]) -> WorkerInfo:
    """One worker of ``workers.lua``."""
    name, flat, pool, slots, busy, held, draining, *jobs = row
    fields = mapping_of(flat)
    return WorkerInfo(
        name=name.decode(errors="replace"),
        state=text_of(fields, b"state") or "unknown",
        queues=tuple(filter(None, text_of(fields, b"queues").split(","))),
        pool=pool.decode(errors="replace"),
        slots=whole_of(slots) or 0,
        busy=held if whole_of(busy) is None else int(busy),
        hostname=text_of(fields, b"hostname"),
        pid=whole_of(fields.get(b"pid", b"")),
        version=text_of(fields, b"version"),
        born_at=time_of(fields.get(b"birth")),
        last_heartbeat_at=time_of(fields.get(b"last_heartbeat")),
        succeeded=whole_of(fields.get(b"successful_job_count", b"")) or 0,
        failed=whole_of(fields.get(b"failed_job_count", b"")) or 0,
        engine=text_of(fields, b"engine") or "rq",
        held=held,
        draining=bool(draining),
        jobs=tuple(_in_hand(jobs[at : at + 4]) for at in range(0, len(jobs), 4)),
    )


def _in_hand(row: list[bytes]) -> WorkerJob:
    job_id, task, queue = (part.decode(errors="replace") for part in row[:3])
    return WorkerJob(job_id, task, base_of(queue), time_of(row[3]))
