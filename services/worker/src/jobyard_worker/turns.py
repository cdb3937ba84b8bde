"""In which order each claim looks at the worker's queues. Pure."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Turns:
    """``next`` gives the order of the next claim; its first queue is emptied first.

    strict: as listed. weighted: drawn anew each time, a queue of weight 3 comes first three times
    as often as one of weight 1, so no queue starves. round_robin: each comes first in its turn.
    random: weighted, all alike.
    """

    def __init__(
        self,
        queues: Sequence[str],
        order: str = "strict",
        weights: Mapping[str, float] | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._queues = tuple(queues)
        self._weights = weights or {}
        self._draw = draw
        self._first = 0
        self.next: Callable[[], tuple[str, ...]] = {
            "strict": lambda: self._queues,
            "weighted": self._weighted,
            "round_robin": self._round_robin,
            "random": self._weighted,
        }[order]

    def _weighted(self) -> tuple[str, ...]:
        """Efraimidis and Spirakis 2006: the largest ``u ** (1 / weight)`` is drawn first."""
        keys = {queue: self._draw() ** (1 / self._weights.get(queue, 1)) for queue in self._queues}
        return tuple(sorted(self._queues, key=keys.__getitem__, reverse=True))

    def _round_robin(self) -> tuple[str, ...]:
        order = self._queues[self._first :] + self._queues[: self._first]
        self._first = (self._first + 1) % len(self._queues)
        return order
