"""Runs jobs in threads of this process: the default. Works without fork."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from jobyard_worker.executors.coroutines import Coroutines
from jobyard_worker.executors.ready import Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jobyard.store.records.delivery import Settlement
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.wake import Wake

    Run = Callable[[Delivery, Coroutines], Settlement]


class ThreadExecutor:
    """One thread a slot. Slots pull by themselves, so quick jobs need no hand-over each."""

    def __init__(self, slots: int, queues: Sequence[str], run: Run, wake: Wake) -> None:
        self._slots = slots
        self._run = run
        self._wake = wake
        self._ready = Ready(queues)
        self._ended: deque[tuple[Delivery, Settlement]] = deque()
        self._unfinished = 0

    @property
    def unfinished(self) -> int:
        """Deliveries submitted and neither collected nor withdrawn."""
        return self._unfinished

    @property
    def unstarted(self) -> int:
        """Deliveries that no slot has taken yet."""
        return len(self._ready)

    @property
    def waiting_since(self) -> float | None:
        """When the first of those was claimed (``time.monotonic``); None when there is none."""
        return self._ready.waiting_since

    def start(self) -> None:
        """Starts the threads. They are daemons: a stuck one must not keep the process alive."""
        for slot in range(self._slots):
            threading.Thread(target=self._serve, name=f"slot-{slot}", daemon=True).start()

    def submit(self, deliveries: Iterable[Delivery]) -> None:
        """Hands deliveries to the slots; those of an earlier queue go first."""
        new = list(deliveries)
        self._unfinished += len(new)
        self._ready.put(new)
        time.sleep(0)  # a slot that has slept takes the interpreter lock now, not a switch later

    def collect(self) -> list[tuple[Delivery, Settlement]]:
        """What ended since the last call."""
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        self._unfinished -= len(ended)
        return ended

    def withdraw(self) -> list[Delivery]:
        """Takes back what no slot has taken yet, in the order of their claims."""
        unstarted = self._ready.take_all()
        self._unfinished -= len(unstarted)
        return unstarted

    def _serve(self) -> None:
        coroutines = Coroutines()
        take, run, ended, wake = self._ready.take, self._run, self._ended, self._wake
        while True:
            delivery = take()
            delivery.is_started = True
            ended.append((delivery, run(delivery, coroutines)))
            del delivery
            wake.set()
