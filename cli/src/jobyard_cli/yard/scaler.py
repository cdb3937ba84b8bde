"""Scales the workers of a yard as KEDA and the HPA would: the same signal, the same algorithm."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.scaling import Autoscaler, signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.scaling import Load, Look, Pool, Terms
    from jobyard_cli.yard.crew import Crew


class Scaler:
    """Looks at the load when that is due, and tells the crew how many it shall be."""

    def __init__(
        self,
        pool: Pool,
        terms: Terms,
        crew: Crew,
        *,
        load: Callable[[Pool], Load | None],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``load`` reads what the pool has to do, ``say`` takes one line a change."""
        self._pool = pool
        self._crew = crew
        self._load = load
        self._say = say
        self._clock = clock
        self._autoscaler = Autoscaler(terms)

    def turn(self) -> None:
        """Does what is due; called again and again."""
        now = self._clock()
        if now >= self._autoscaler.next_look_at:
            self._look(now)
        self._crew.turn()

    def _look(self, now: float) -> None:
        load = self._load(self._pool)
        wanted = None if load is None else self._signal(load)
        look = self._autoscaler.look(now, self._crew.wanted, wanted)
        if look.replicas != self._crew.wanted:
            self._say(_change(self._crew.wanted, look, load, wanted))
            self._crew.wanted = look.replicas

    def _signal(self, load: Load) -> float:
        return signal(load, concurrency=self._pool.concurrency, backlog=self._pool.backlog)


def _change(before: int, look: Look, load: Load | None, wanted: float | None) -> str:
    line = f"workers {before} → {look.replicas} ({look.by})"
    if load is None or wanted is None:
        return f"{line}: the store does not say what waits"
    return f"{line}: {load.queued} queued, {load.busy} busy, signal {wanted:.2f}"
