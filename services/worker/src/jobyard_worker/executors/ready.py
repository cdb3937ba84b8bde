"""Deliveries that wait for a slot: those of an earlier queue first, in order of their claims."""

from __future__ import annotations

from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobyard_worker.delivery import Delivery


class Ready:
    """One queue for each of the worker's queues, and one token for each delivery in them.

    So a job of a high queue never waits behind claimed low ones. A slot blocks on the tokens:
    ``SimpleQueue`` hands them over without a lock of Python's own.
    """

    def __init__(self, queues: Sequence[str]) -> None:
        self._ranks: dict[str, deque[Delivery]] = {queue: deque() for queue in queues}
        self._in_order = tuple(self._ranks.values())
        self._tokens: SimpleQueue[None] = SimpleQueue()

    def __len__(self) -> int:
        """How many wait."""
        return self._tokens.qsize()

    def put(self, deliveries: Iterable[Delivery]) -> None:
        """Adds deliveries; their queues are among those of the constructor."""
        for delivery in deliveries:
            self._ranks[delivery.job.queue].append(delivery)
            self._tokens.put(None)

    def take(self) -> Delivery:
        """The next one; blocks while there is none."""
        self._tokens.get()
        return self._first()

    def try_take(self) -> Delivery | None:
        """The next one; None while there is none."""
        try:
            self._tokens.get_nowait()
        except Empty:
            return None
        return self._first()

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Adds deliveries that were taken, before all others of their queues."""
        for delivery in reversed(deliveries):
            self._ranks[delivery.job.queue].appendleft(delivery)
            self._tokens.put(None)

    def take_all(self) -> list[Delivery]:
        """All that wait, without blocking."""
        return list(iter(self.try_take, None))

    def _first(self) -> Delivery:
        """Whoever holds a token finds a delivery; another thread may be quicker at one rank."""
        while True:
            for rank in self._in_order:
                if rank:
                    try:
                        return rank.popleft()
                    except IndexError:
                        continue
