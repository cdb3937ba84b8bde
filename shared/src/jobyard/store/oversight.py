"""Calls that look after queues and workers: pause, resume, purge, drain. Pure; used by the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jobyard.store.calls import BATCH, Call
from jobyard.store.records.oversight import Purged
from jobyard.store.scripts import script

if TYPE_CHECKING:
    from typing import Any


def pause(queue: str) -> Call[bool]:
    """Nothing is claimed from a queue from now on; False when no such queue is known."""
    return Call(script("pause"), [queue, 1], bool)


def resume(queue: str) -> Call[bool]:
    """A paused queue is worked off again; False when no such queue is known."""
    return Call(script("pause"), [queue, 0], bool)


def purge(
    queue: str,
    source: Literal["queue", "scheduled"],
    *,
    began_ms: int | None = None,
    skip: int = 0,
) -> Call[Purged]:
    """Cancels up to ``BATCH`` jobs that wait in a queue, or are delayed there.

    ``began_ms`` of the first call's answer goes into the next ones: jobs that were stored after
    it are kept. ``skip`` is how many were kept so far.
    """
    sent = [queue, source, "" if began_ms is None else began_ms, skip, BATCH]
    return Call(script("purge"), sent, _purged)


def drain(worker: str) -> Call[bool]:
    """Asks a worker to stop, as SIGTERM would; False when there is none of that name."""
    return Call(script("drain"), [worker], bool)


def _purged(reply: list[Any]) -> Purged:
    began_ms, canceled, kept, seen = reply
    return Purged(int(began_ms), canceled, kept, seen)
