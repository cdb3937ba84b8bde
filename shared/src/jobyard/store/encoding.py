"""Turns records into what the scripts take. Pure; used by ``calls.py`` only."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never, cast

from jobyard.states import State, statuses_of
from jobyard.store import apart
from jobyard.store.data import encode_data
from jobyard.store.records.delivery import Canceled, Crashed, Failed, Retrying, Succeeded
from jobyard.store.records.submission import DEFAULT_FAILURE_TTL_SECONDS, DEFAULT_RESULT_TTL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.store.records.catalogue import TaskRecord
    from jobyard.store.records.delivery import ErrorInfo, RQEnded, Settlement
    from jobyard.store.records.submission import Submission

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware time."""
    return round((moment - _EPOCH).total_seconds() * 1000)


def submission(job: Submission, large_bytes: int) -> list[Any]:
    """``id queue tenant due idem-key idem-fingerprint idem-ttl-ms payload ties n field …``."""
    once = job.idempotency
    idempotency = (
        [f"{once.scope}:{once.key}", once.fingerprint, once.ttl_seconds * 1000]
        if once
        else ["", "", 0]
    )
    data, payload, marks = _data(job, large_bytes)
    fields = [*_fields(job, data), *marks]
    head = [job.id, job.queue, job.tenant, _due(job), *idempotency, payload, _ties(job)]
    return [*head, len(fields), *fields]


def settlement(ended: Settlement, now: float, large_bytes: int) -> list[Any]:
    """``id token kind started-ago-ms ended-ago-ms value error number apart m line … f job …``."""
    kind, value, problem, number, left = _kind(ended, large_bytes)
    return [
        ended.id,
        ended.token,
        kind,
        max(0, round((now - ended.started) * 1000)),
        max(0, round((now - ended.ended) * 1000)),
        value,
        problem,
        number,
        *left,
    ]


def rq_settlement(ended: RQEnded, now: float) -> list[Any]:
    """``id token kind started-ago-ms ended-ago-ms value-field value error number …``."""
    is_crash = ended.kind == "crashed"
    problem = _problem(ended.error, is_crash=is_crash) if ended.error else (b"", b"")
    is_returned = ended.error is None
    number = ended.budget if is_crash else round(ended.delay_seconds * 1000)
    changed = [part for pair in ended.fields.items() for part in pair]
    return [
        ended.id,
        ended.token,
        ended.kind,
        max(0, round((now - ended.started) * 1000)),
        max(0, round((now - ended.ended) * 1000)),
        "return_value" if is_returned else "exc_string",
        b64encode(ended.value) if is_returned else problem[0],
        problem[1],
        number,
        int(ended.at_head),
        _EXHAUSTED if ended.exhausted else _RESULT_TYPES[ended.kind],
        len(changed),
        *changed,
    ]


_RESULT_TYPES = {
    "succeeded": 1, "failed": 2, "crashed": 2, "stopped": 2, "canceled": 3, "retrying": 4,
}  # fmt: skip
"""``rq.results.Result.Type``."""

_EXHAUSTED = 5


def task(record: TaskRecord) -> bytes:
    """The published form of a task."""
    return json.dumps(asdict(record), separators=(",", ":")).encode()


def patterns(state: State) -> list[str]:
    """How ``list.lua`` spells a state: ``status:canceling:retrying:expired``."""
    canceling, retrying = int(state is State.CANCELING), int(state is State.RETRYING)
    marks = f"{canceling}:{retrying}:{int(state is State.EXPIRED)}"
    return [f"{status}:{marks}" for status in statuses_of(state)]


def _due(job: Submission) -> str:
    if job.run_at is not None:
        return str(milliseconds(job.run_at))
    if job.delay_seconds:
        return f"+{round(job.delay_seconds * 1000)}"
    return ""


def _ties(job: Submission) -> str:
    if not job.tags and job.unique is None and job.waiting_limit is None:
        return ""
    ties: dict[str, Any] = {}
    if job.tags:
        ties["tags"] = job.tags
    if job.unique is not None:
        ties |= {"unique": job.unique.key, "conflict": job.unique.on_conflict}
    if job.waiting_limit is not None:
        ties["waiting"] = job.waiting_limit
    return json.dumps(ties, separators=(",", ":"))


def _data(job: Submission, large_bytes: int) -> tuple[bytes, bytes, list[Any]]:
    """RQ's ``data``, what is kept apart of it, and the fields that say so."""
    data = encode_data(job.task, job.payload)
    if not apart.is_large(job.payload, large_bytes):
        return data, b"", []
    packed = apart.pack(data)
    stub = apart.payload_stub(job.task, len(job.payload))
    return stub, packed, ["schema", apart.SCHEMA, "payload_bytes", len(packed)]


def _fields(job: Submission, data: bytes) -> list[Any]:
    fields = [
        "task", job.task,
        "data", data,
        "timeout", job.timeout_seconds,
    ]  # fmt: skip
    if job.result_ttl_seconds != DEFAULT_RESULT_TTL_SECONDS:
        fields += ["result_ttl", job.result_ttl_seconds]
    if job.failure_ttl_seconds != DEFAULT_FAILURE_TTL_SECONDS:
        fields += ["failure_ttl", job.failure_ttl_seconds]
    if job.expires_at is not None:
        fields += ["expires_at", milliseconds(job.expires_at)]
    if job.retry:
        fields += ["retry", job.retry]
    if job.meta:
        fields += ["meta", json.dumps(job.meta, separators=(",", ":"))]
    if job.tags:
        fields += ["tags", json.dumps(job.tags, separators=(",", ":"))]
    if job.description:
        fields += ["description", job.description]
    if job.trace:
        fields += ["trace", job.trace]
    return fields


_Encoded = tuple[str, bytes, bytes, int, "Sequence[Any]"]

_NOTHING_LEFT = (b"", 0, 0)


def _kind(ended: Settlement, large_bytes: int) -> _Encoded:
    outcome = cast("Succeeded | Failed | Retrying | Canceled | Crashed", ended)
    match outcome:
        case Succeeded():
            value, result = _result(outcome, large_bytes)
            return "succeeded", value, b"", 0, (result, *_left(outcome, large_bytes))
        case Failed():
            return "failed", *_problem(outcome.error, outcome.attempt), 0, _NOTHING_LEFT
        case Retrying():
            delay_ms = round(outcome.delay_seconds * 1000)
            return "retrying", *_problem(outcome.error, outcome.attempt), delay_ms, _NOTHING_LEFT
        case Canceled():
            problem = _problem(outcome.error) if outcome.error else (b"", b"")
            return "canceled", *problem, 0, _NOTHING_LEFT
        case Crashed():
            problem = _problem(outcome.error, outcome.attempt, is_crash=True)
            return "crashed", *problem, outcome.budget, _NOTHING_LEFT
        case _:
            assert_never(outcome)


def _result(ended: Succeeded, large_bytes: int) -> tuple[bytes, bytes]:
    """RQ's return value, and what is kept apart of it."""
    if not apart.is_large(ended.result, large_bytes):
        return b64encode(ended.result), b""
    return apart.result_stub(ended.id, len(ended.result)), apart.pack(ended.result)


def _left(ended: Succeeded, large_bytes: int) -> Sequence[Any]:
    """``m journal line … f job …``."""
    if not ended.journal and not ended.follow_ups:
        return 0, 0
    lines = [part for entry in ended.journal for part in (entry.journal, entry.line)]
    jobs = [part for job in ended.follow_ups for part in submission(job, large_bytes)]
    return (len(lines), *lines, len(ended.follow_ups), *jobs)


def _problem(
    error: ErrorInfo, attempt: int | None = None, *, is_crash: bool = False
) -> tuple[bytes, bytes]:
    """The traceback as RQ's results keep it; type, message and whose attempt it was as JSON."""
    text = error.traceback or f"{error.type}: {error.message}"
    packed = b64encode(zlib.compress(text.encode(errors="replace"), 1))
    said: dict[str, Any] = {"type": error.type, "message": error.message}
    if attempt is not None:
        said["attempt"] = attempt
    if is_crash:
        said["crashed"] = True
    return packed, json.dumps(said).encode()
