"""What is too large for a job's hash has a key of its own; what stands in its place says so. Pure.

RQ's tools read the hash and the results whole, and so do listings: they stay small.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode

from jobyard.errors import UnreadableJobError
from jobyard.store.data import PERFORM, unpack

LARGE_BYTES = 64 * 1024
"""Payloads and results whose JSON is longer are kept apart, unless ``JOBYARD_LARGE_BYTES`` says
otherwise. A page of 200 jobs then ships at most 25 MiB, and a job's hash fits in one reply."""

PERFORM_LARGE = f"{PERFORM}_large"
"""Stands in RQ's ``data`` of such a job: a stock RQ worker that takes it gets the payload there."""

SCHEMA = 2
"""Of records whose payload is kept apart: a worker that would take the stub for it leaves them."""

_LEVEL = 1
"""100 MB/s, and JSON shrinks to a fifth; level 6 takes three times as long for a tenth less."""


def is_large(text: bytes, large_bytes: int) -> bool:
    """Whether a payload or result goes into a key of its own."""
    return len(text) > large_bytes


def pack(text: bytes) -> bytes:
    """What its key holds: zlib, as RQ compresses its ``data``."""
    return zlib.compress(text, _LEVEL)


def payload_stub(task: str, size: int) -> bytes:
    """RQ's ``data`` of a job whose payload, of ``size`` bytes of JSON, is kept apart."""
    return json.dumps([PERFORM_LARGE, None, [task, size], {}], separators=(",", ":")).encode()


def result_stub(job_id: str, size: int) -> bytes:
    """RQ's return value of such a job: a text, as RQ's JSON serializer and tools read it."""
    said = f"{size} bytes of JSON, kept apart: GET /v1/jobs/{job_id} shows them"
    return b64encode(json.dumps(said).encode())


def result_of(packed: bytes) -> bytes:
    """The JSON text of a result that was kept apart; ``null`` where it cannot be read."""
    try:
        return unpack(packed)
    except UnreadableJobError:
        return b"null"
