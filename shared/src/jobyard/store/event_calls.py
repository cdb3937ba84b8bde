"""The calls of those who follow the event streams; see ``calls.py``. All of them only read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jobyard.store.calls import BATCH, Call
from jobyard.store.events import place_of
from jobyard.store.reading.job import read_about, read_watched
from jobyard.store.scripts import script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobyard.store.events import About, Entry, Place, Watched


class Places(NamedTuple):
    """Where streams stand, but for keys of a foreign type.

    ``unsound``: queues whose streams may have lost changes after the place that was asked for.
    """

    now_ms: int
    found: dict[str, Place]
    unsound: frozenset[str]


def names() -> Call[list[str]]:
    """The names of all queues, in no order."""
    return Call(
        script("names"), [], lambda reply: [name.decode(errors="replace") for name in reply]
    )


def places(asked: Mapping[str, Place | None], *, at_ms: int | None = None) -> Call[Places]:
    """Checks the places that ``asked`` names for queues; finds the last one where it names None.

    ``at_ms``: the last one until that time (ms of the server's clock) instead of until now.
    """
    sent: list[Any] = ["" if at_ms is None else at_ms, len(asked)]
    for queue, place in asked.items():
        sent += (queue, "" if place is None else place.entry)

    def decode(reply: list[Any]) -> Places:
        now_ms, *rows = reply
        answers = zip(asked.items(), rows[::2], rows[1::2], strict=True)
        found, unsound = {}, set()
        for (queue, place), entry_id, is_sound in answers:
            if entry_id:
                found[queue] = place if is_sound and place else place_of(entry_id)
            if not is_sound:
                unsound.add(queue)
        return Places(now_ms, found, frozenset(unsound))

    return Call(script("places"), sent, decode)


def replay(after: Mapping[str, Place], *, limit: int = BATCH) -> Call[dict[str, list[Entry]]]:
    """Up to ``limit`` entries of each queue's stream, from the entry of its place on."""
    sent: list[Any] = [limit, len(after)]
    for queue, place in after.items():
        sent += (queue, place.entry)
    return Call(script("replay"), sent, lambda reply: dict(zip(after, reply, strict=True)))


def about(ids: Sequence[str]) -> Call[list[About | None]]:
    """Task, tenant and tags of up to ``BATCH`` jobs; None for those that are not there."""
    return Call(
        script("about"), ids, lambda reply: [read_about(row) if row else None for row in reply]
    )


def watch(job_id: str, owner: str | None = None) -> Call[Watched | None]:
    """The present state of a job and its place; None when there is none of that id and owner."""
    return Call(
        script("watch"),
        [job_id, owner or ""],
        lambda reply: read_watched(reply) if reply else None,
    )
