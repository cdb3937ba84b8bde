"""State changes as the event streams of the queues hold them: places, changes, how they are read.

Used by those who follow the streams. Pure.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobyard.states import State

Entry: TypeAlias = "tuple[bytes, Sequence[bytes]]"
"""Id and ``id state id state …`` of one entry, as the server sends it."""

WHOLE = 1 << 31
"""``nth`` of a place behind all changes of an entry."""

PROGRESS = "progress"
"""What stands in a stream in the place of a state when a running task told its progress."""


class Place(NamedTuple):
    """A place in one stream: behind the change ``nth`` of the entry ``ms-seq``."""

    ms: int
    seq: int
    nth: int = WHOLE

    @property
    def entry(self) -> str:
        """The id of the entry."""
        return f"{self.ms}-{self.seq}"


START = Place(0, 0)
"""Before everything."""


class Change(NamedTuple):
    """One thing that happened to a job. ``what`` is a state, or ``PROGRESS``.

    ``data`` is JSON text: the progress, or what is known of a job whose record is gone.
    """

    place: Place
    queue: str
    id: str
    what: str
    data: bytes = b""

    @property
    def at(self) -> datetime:
        """When it happened, by the server's clock."""
        return moment_of(self.place.ms)

    @property
    def value(self) -> Any:
        """``data`` as a value; None where there is none, or none that can be read."""
        try:
            return json.loads(self.data) if self.data else None
        except (ValueError, RecursionError):
            return None


class Watched(NamedTuple):
    """The present state of a job and the place in its queue's stream that it is of."""

    now_ms: int
    queue: str
    state: State
    task: str
    progress: Any
    place: Place


class About(NamedTuple):
    """What a filter of events asks of a job."""

    task: str
    tenant: str
    tags: tuple[str, ...]


def moment_of(ms: int) -> datetime:
    """A time of the server's clock."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def place_of(entry_id: bytes) -> Place:
    """The place behind an entry."""
    ms, _, seq = entry_id.partition(b"-")
    return Place(int(ms), int(seq))


def changes_of(queue: str, entry: Entry) -> Iterator[Change]:
    """The changes of one entry, in order."""
    entry_id, parts = entry
    ms, seq, _ = place_of(entry_id)
    for index in range(len(parts) // 2):
        what, _, data = parts[2 * index + 1].partition(b" ")
        job_id = parts[2 * index].decode(errors="replace")
        yield Change(Place(ms, seq, index), queue, job_id, what.decode(errors="replace"), data)
