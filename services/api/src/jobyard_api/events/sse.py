"""Server-sent events as text (WHATWG HTML, section 9.2): what one looks like on the wire."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from jobyard.lanes import base_of, priority_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

HEARTBEAT = b": heartbeat\n\n"
"""A comment: keeps the connection in use, and says nothing."""

_RETRY_MS = (500, 2_000)
"""When a client comes back: clients of a process that ends do not come all at once."""


def event(kind: str, data: Mapping[str, Any], cursor: str) -> bytes:
    """One event with its id, from which a client can go on."""
    text = to_json(data, inf_nan_mode="null", serialize_unknown=True)
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (cursor.encode(), kind.encode(), text)


def place(cursor: str) -> bytes:
    """An id alone, which no client shows: from here it goes on, also before the next event."""
    return b"id: %b\n\n" % cursor.encode()


def hello(cursor: str) -> bytes:
    """The first words of a stream."""
    return retry() + place(cursor)


def retry() -> bytes:
    """When to come back after the stream has ended; also its last words."""
    return b"retry: %d\n\n" % random.randint(*_RETRY_MS)  # noqa: S311


def whose(job_id: str, task: str, queue: str, at: datetime) -> dict[str, Any]:
    """The members of every event of a job, in the words of the job itself."""
    named = {"queue": base_of(queue), "priority": priority_of(queue)}
    return {"id": job_id, "task": task, **named, "at": at}


def progress(value: Any, *, is_shown: bool) -> dict[str, Any]:
    """The members that say how far a job came, or that its reader may not see that."""
    return {"progress": value} if is_shown else {"progress": None, "withheld": True}
