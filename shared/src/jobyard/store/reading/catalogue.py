"""Reads published tasks."""

from __future__ import annotations

import json
from typing import Any

from jobyard.store.reading.fields import (
    moment_of_milliseconds,
)
from jobyard.store.records.catalogue import Published, PublishedTask, TaskRecord, TaskVersion


def read_published(reply: list[Any]) -> Published:
    """What ``published.lua`` says."""
    queues, rows = reply
    found = filter(None, (_published(*row) for row in rows))
    return Published(
        tuple(sorted(found, key=lambda task: task.record.name)),
        frozenset(name.decode(errors="replace") for name in queues),
    )


def _published(text: bytes, *versions: Any) -> PublishedTask | None:
    record = read_task(text)
    if record is None:
        return None
    rows = (versions[at : at + 3] for at in range(0, len(versions), 3))
    return PublishedTask(
        record,
        tuple(
            TaskVersion(name.decode(errors="replace"), moment_of_milliseconds(since), bool(served))
            for name, since, served in rows
        ),
    )


def read_task(text: bytes) -> TaskRecord | None:
    """One published task; None when its entry is broken or of an incompatible version."""
    try:
        return TaskRecord(**json.loads(text))
    except (TypeError, ValueError):
        return None
