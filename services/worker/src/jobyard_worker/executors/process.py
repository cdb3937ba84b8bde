"""Runs jobs in child processes that are kept warm: each can be killed, and dies alone."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from jobyard.errors import JobCanceledError
from jobyard_worker.backoff import Backoff
from jobyard_worker.executors.ready import Ready
from jobyard_worker.executors.tempo import Tempo
from jobyard_worker.outcome import ending_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobyard.store.records.delivery import Settlement, Succeeded
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.execution import Execution
    from jobyard_worker.executors.child_process import ChildProcess
    from jobyard_worker.executors.nursery import Nursery
    from jobyard_worker.outcome import Ending
    from jobyard_worker.settings import WorkerSettings
    from jobyard_worker.wake import Wake

_STARTING_AT_ONCE = 2
"""A start costs a core about 0.3 s; more of them side by side only make the first one late."""
_MEMORY_LOOK_SECONDS = 0.1


class ProcessExecutor:
    """One child a slot, started when there is work for it. Quick jobs are handed over in bundles.

    A bundle is what its child does in a few milliseconds; what it has not started can be taken
    back at any time, so nothing waits behind a job that turns out long.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        queues: Sequence[str],
        execution: Execution,
        nursery: Nursery,
        wake: Wake,
    ) -> None:
        self._slots = settings.concurrency
        self._max_jobs = settings.child_max_jobs
        self._max_mb = settings.child_max_mb
        self._execution = execution
        self._nursery = nursery
        self._wake = wake
        self._ready = Ready(queues)
        self._tempo = Tempo()
        self._backoff = Backoff(random.random)
        self._ended: deque[tuple[Delivery, Settlement]] = deque()
        self._unfinished = 0
        self._free = self._slots
        self._riding = 0
        self._next_start = 0.0
        self._next_memory_look = 0.0

    @property
    def unfinished(self) -> int:
        """Deliveries submitted and neither collected nor withdrawn."""
        return self._unfinished

    @property
    def unstarted(self) -> int:
        """Deliveries for which no slot is free; a free one may still be starting its child."""
        return max(0, len(self._ready) - self._free)

    @property
    def waiting_since(self) -> float | None:
        """When the first of those was claimed (``time.monotonic``); None when there is none."""
        return self._ready.waiting_since if self.unstarted else None

    def start(self) -> None:
        """Starts the thread that serves the children, and the first child."""
        with self._nursery.lock:
            self._nursery.start(self._feed, self._ready.put_back, self._delay_starts)
            self._nursery.raise_child(self._end)

    def submit(self, deliveries: Iterable[Delivery]) -> None:
        """Hands deliveries to the slots; those of an earlier queue go first."""
        new = list(deliveries)
        self._unfinished += len(new)
        self._ready.put(new)
        self._nursery.nudge()

    def collect(self) -> list[tuple[Delivery, Settlement]]:
        """What ended since the last call."""
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        self._unfinished -= len(ended)
        return ended

    def withdraw(self) -> list[Delivery]:
        """Takes back what no child has started."""
        with self._nursery.lock:
            unstarted = self._nursery.take_back() + self._ready.take_all()
        self._unfinished -= len(unstarted)
        return unstarted

    # ---------------------------------------------------------------- in the nursery's thread

    def _feed(self) -> float:
        """Hands over what waits, as far as children are free or quick; says when to look again."""
        self._recycle()
        round_ = _Round(self._nursery.children, self._slots - self._riding, self._max_jobs)
        while (delivery := self._ready.try_take()) is not None:
            if not self._place(delivery, round_):
                self._ready.put_back([delivery])
                break
        for child, bundle in round_.bundles.items():
            self._nursery.hand(child, bundle)
        is_waiting_for_start = len(self._ready) > 0 and time.monotonic() < self._next_start
        self._free = 0 if is_waiting_for_start else round_.free
        return self._next_start if is_waiting_for_start else math.inf

    def _place(self, delivery: Delivery, round_: _Round) -> bool:
        """Finds a child for it; False when it has to wait."""
        if delivery.is_canceled:
            self._drop(delivery)
            return True
        if self._execution.is_for_rq(delivery):
            return round_.free > 0 and self._ride(delivery, round_)
        if self._execution.is_apart(delivery):
            return round_.free > 0 and self._isolate(delivery, round_)
        if round_.give(delivery, self._tempo.most_in_hand(delivery.task)):
            return True
        if round_.free:
            self._start_another()
        return False

    def _isolate(self, delivery: Delivery, round_: _Round) -> bool:
        round_.free -= 1
        self._nursery.raise_child(self._end, delivery)
        return True

    def _ride(self, delivery: Delivery, round_: _Round) -> bool:
        """A job of plain RQ code takes a slot, and a process of its own that a thread waits for."""
        round_.free -= 1
        self._riding += 1
        delivery.is_started = True
        threading.Thread(target=self._wait_for, args=(delivery,), name="rider", daemon=True).start()
        return True

    def _start_another(self) -> None:
        now, children = time.monotonic(), self._nursery.children
        warm = [child for child in children if child.single is None]
        starting = sum(1 for child in warm if not child.is_ready)
        if len(warm) >= self._slots or starting >= _STARTING_AT_ONCE or now < self._next_start:
            return
        if not self._nursery.raise_child(self._end):
            self._delay_starts()

    def _delay_starts(self) -> None:
        self._next_start = time.monotonic() + self._backoff.next_seconds()

    def _recycle(self) -> None:
        now = time.monotonic()
        may_look = self._max_mb > 0 and now >= self._next_memory_look
        if may_look:
            self._next_memory_look = now + _MEMORY_LOOK_SECONDS
        for child in tuple(self._nursery.children):
            if child.single is None and child.is_ready and self._is_spent(child, may_look):
                child.is_retiring = True
                self._nursery.retire(child)

    def _is_spent(self, child: ChildProcess, may_look: bool) -> bool:
        if child.is_retiring or child.jobs >= self._max_jobs > 0:
            return True
        if not (may_look or (self._max_mb and not child.in_hand)):
            return False
        return child.memory_mb > self._max_mb

    def _wait_for(self, delivery: Delivery) -> None:
        settlement = self._execution.run_for_rq(delivery)
        with self._nursery.lock:
            self._riding -= 1
            self._ended.append((delivery, settlement))
        self._wake.set()
        self._nursery.nudge()

    def _drop(self, delivery: Delivery) -> None:
        now = time.monotonic()
        self._end(delivery, ending_of(JobCanceledError("canceled before it started"), now, now))

    def _end(self, delivery: Delivery, end: Succeeded | Ending) -> None:
        self._tempo.note(delivery.task, end.ended - end.started)
        self._backoff.reset()
        self._ended.append((delivery, self._execution.settlement(delivery, end)))
        self._wake.set()


class _Round:
    """Who is given what in one turn."""

    def __init__(self, children: Sequence[ChildProcess], slots: int, max_jobs: int) -> None:
        self.bundles: dict[ChildProcess, list[Delivery]] = {}
        self._takers = [child for child in children if child.may_take_more]
        self._max_jobs = max_jobs
        self.free = slots - sum(1 for child in children if child.in_hand or child.single)

    def give(self, delivery: Delivery, most: int) -> bool:
        """To the child that has least in hand; False when each has enough.

        Args:
            delivery: What is to run.
            most: How many jobs, this one the last, a child may have in hand.
        """
        child = min(self._takers, key=self._load, default=None)
        if child is None or not self._takes(child, most):
            return False
        child.most_in_hand = most if self._load(child) == 0 else min(child.most_in_hand, most)
        self.bundles.setdefault(child, []).append(delivery)
        return True

    def _takes(self, child: ChildProcess, most: int) -> bool:
        load = self._load(child)
        if child.jobs + load >= self._max_jobs > 0:
            return False
        if load:
            return load < min(child.most_in_hand, most)
        if self.free <= 0:
            return False
        self.free -= 1
        return True

    def _load(self, child: ChildProcess) -> int:
        return len(child.in_hand) + len(self.bundles.get(child, ()))
