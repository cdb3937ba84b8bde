"""Hears at once of jobs that plain RQ code pushes: they ring no bell.

For workers that RQ's command line started; the others look once a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.connection import BLOCK_SECONDS
from jobyard.errors import StoreDataError
from jobyard.store.records.delivery import Claim
from jobyard_worker.rqjobs.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.store import Store
    from jobyard.store.calls import Call
    from jobyard_worker.wake import Wake


class Peeker(Listener):
    """Blocks on one queue itself and takes nothing from it."""

    def __init__(self, store: Store, queue: str, wake: Wake) -> None:
        super().__init__(store, [queue], wake)
        self._queue = queue
        self._last_seen = b""

    def _wait(self) -> None:  # type: ignore[explicit-override]  # typing.override comes with 3.12
        try:
            seen = self._store.peek(self._queue, BLOCK_SECONDS)
        except StoreDataError:  # the claimer says so
            seen = self._last_seen or b"none"
        if seen and seen == self._last_seen:
            time.sleep(BLOCK_SECONDS)  # a claim left it where it is: suspended, or too new
        self._last_seen = seen


class Peekers:
    """Several listeners as one: on the bells, and on each of a few queues."""

    def __init__(self, store: Store, queues: Sequence[str], wake: Wake) -> None:
        peekers = [Peeker(store, queue, wake) for queue in queues[:_MOST_QUEUES]]
        self._listeners = (Listener(store, queues, wake), *peekers)

    def start(self) -> None:
        """Starts the threads."""
        for listener in self._listeners:
            listener.start()

    def ask(self, _: Call[Claim]) -> None:
        """Listen, unless that is under way; the claim is made by the main loop."""
        for listener in self._listeners:
            listener.ask()

    def take(self) -> Claim | None:
        """That there may be more, once one has heard something or nothing for a second."""
        heard = [listener.take() for listener in self._listeners]
        return Claim((), more=True) if any(heard) else None

    def recall(self) -> None:
        """What is heard later is taken up with the next listening."""


_MOST_QUEUES = 8
"""Each costs a thread and a connection."""
