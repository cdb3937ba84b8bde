"""Deliveries that wait for a slot: those of an earlier rank first, in order of their claims."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from jobyard.lanes import lanes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobyard_worker.delivery import Delivery


class Ready:
    """One queue for each rank and one for all others, and one token for each delivery in them.

    So a job of a high queue, or lane, never waits behind claimed low ones. A slot blocks on the
    tokens: ``SimpleQueue`` hands them over without a lock of Python's own.
    """

    def __init__(self, ranks: Sequence[str]) -> None:
        """``ranks``: the queues that go before others, in order; none where they take turns."""
        lanes = (lane for queue in ranks for lane in lanes_of(queue))
        self._ranks: dict[str, deque[Delivery]] = {lane: deque() for lane in lanes}
        self._others: deque[Delivery] = deque()
        self._in_order = (*self._ranks.values(), self._others)
        self._tokens: SimpleQueue[None] = SimpleQueue()

    def __len__(self) -> int:
        """How many wait."""
        return self._tokens.qsize()

    @property
    def waiting_since(self) -> float | None:
        """When the first that waits was claimed (``time.monotonic``); None when none does."""
        firsts: list[float] = []
        for rank in self._in_order:
            with suppress(IndexError):  # empty, or just emptied by a slot
                firsts.append(rank[0].taken_at)
        return min(firsts, default=None)

    def put(self, deliveries: Iterable[Delivery]) -> None:
        """Adds deliveries."""
        for delivery in deliveries:
            self._rank_of(delivery).append(delivery)
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
            self._rank_of(delivery).appendleft(delivery)
            self._tokens.put(None)

    def take_all(self) -> list[Delivery]:
        """All that wait, without blocking."""
        return list(iter(self.try_take, None))

    def _rank_of(self, delivery: Delivery) -> deque[Delivery]:
        return self._ranks.get(delivery.job.queue, self._others)

    def _first(self) -> Delivery:
        """Whoever holds a token finds a delivery; another thread may be quicker at one rank."""
        while True:
            for rank in self._in_order:
                if rank:
                    try:
                        return rank.popleft()
                    except IndexError:
                        continue
