"""RQ's ``data`` field of our jobs: JSON ``[function, null, [task, payload], {}]``. Pure.

RQ 3 writes it zlib-compressed and reads it either way (``rq/job.py`` restore); so do we.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from jobyard.errors import UnreadableJobError

PERFORM = "jobyard_worker.perform.perform"
"""The one function of ours that RQ sees."""

MAX_DATA_BYTES = 64 * 1024 * 1024
"""Nothing larger is unpacked: a small compressed record may hold gigabytes."""

PICKLE_REFUSED = (
    "the record is pickled: set JOBYARD_ALLOW_PICKLE=true where everybody who can write to the "
    "store may run code here, or enqueue with the serializer rq.serializers.JSONSerializer"
)

_PICKLE_PROTOCOL = 0x80


@dataclass(frozen=True, slots=True)
class JobData:
    """What a job's ``data`` says: RQ's function, and task and payload where it is ours."""

    function: str
    task: str
    payload: dict[str, Any]


def encode_data(task: str, payload: bytes) -> bytes:
    """``data`` of a job of ``task``; ``payload`` is the text of a JSON object."""
    return b"%s%s],{}]" % (_head_of(task), payload)


@lru_cache(maxsize=1000)
def _head_of(task: str) -> bytes:
    return b'["%s",null,[%s,' % (PERFORM.encode(), json.dumps(task).encode())


def is_pickled(data: bytes) -> bool:
    """Whether RQ's default serializer wrote it, judged by its first byte alone."""
    try:
        head = zlib.decompressobj().decompress(data, 1) if data[:1] == b"x" else data[:1]
    except zlib.error:
        return False
    return head == bytes([_PICKLE_PROTOCOL])


def function_of(data: bytes) -> str:
    """The function that RQ would call, without ever unpickling.

    Raises:
        UnreadableJobError: It is not JSON of RQ's shape; the message says what it is instead.
    """
    return str(_call(data)[0])


def decode_data(data: bytes) -> JobData:
    """Reads ``data`` without ever unpickling.

    Raises:
        UnreadableJobError: It is not JSON of our shape; the message says what it is instead.
    """
    function, _, arguments, keywords = _call(data)
    if function != PERFORM:
        raise UnreadableJobError(
            f"function {function!r} is not a Jobyard task: enqueue {PERFORM!r} "
            "with the task's name and payload"
        )
    return JobData(function, *_arguments(arguments, keywords))


def unpack(data: bytes) -> bytes:
    """The text of what may be compressed; never more than ``MAX_DATA_BYTES`` of it.

    Raises:
        UnreadableJobError: It is larger, or broken.
    """
    if data[:1] != b"x":
        return data
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, MAX_DATA_BYTES)
    except zlib.error as error:
        raise UnreadableJobError(f"the record's data is broken zlib: {error}") from None
    if unpacker.unconsumed_tail:
        raise UnreadableJobError(f"the record's data is larger than {MAX_DATA_BYTES} bytes")
    if not unpacker.eof:
        raise UnreadableJobError("the record's data is cut short")
    return text


def _call(data: bytes) -> list[Any]:
    call = _load(unpack(data))
    if not (isinstance(call, list) and len(call) == 4 and isinstance(call[0], str)):  # noqa: PLR2004
        raise UnreadableJobError("the record's data is not RQ's [function, instance, args, kwargs]")
    return call


def _arguments(arguments: Any, keywords: Any) -> tuple[str, dict[str, Any]]:
    if keywords or not isinstance(arguments, list) or not 1 <= len(arguments) <= 2:  # noqa: PLR2004
        raise UnreadableJobError(f"{PERFORM} takes a task name and a payload object")
    task, payload = arguments[0], arguments[1] if len(arguments) > 1 else {}
    if not isinstance(task, str) or not isinstance(payload, dict):
        raise UnreadableJobError(f"{PERFORM} takes a task name and a payload object")
    return task, payload


def _load(text: bytes) -> Any:
    if text[:1] == bytes([_PICKLE_PROTOCOL]):
        raise UnreadableJobError(PICKLE_REFUSED)
    try:
        return from_json(text)
    except ValueError as error:
        raise UnreadableJobError(f"the record's data is not JSON: {error}") from None
