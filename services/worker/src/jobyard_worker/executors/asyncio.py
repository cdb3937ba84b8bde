"""Runs ``async def`` jobs on one event loop, hundreds at once; plain functions in threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger
from jobyard_worker.executors.coroutines import Coroutines
from jobyard_worker.executors.ready import Ready
from jobyard_worker.outcome import ending_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobyard.store.records.delivery import Settlement
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.execution import Execution
    from jobyard_worker.wake import Wake

_log = get_logger(__name__)

_BEAT_SECONDS = 0.5
_BLOCKED_SECONDS = 2.0


class AsyncioExecutor:
    """One task of the event loop a slot. A job's timeout and its cancel end its ``await``."""

    def __init__(self, slots: int, queues: Sequence[str], execution: Execution, wake: Wake) -> None:
        self._slots = slots
        self._execution = execution
        self._wake = wake
        self._ready = Ready(queues)
        self._ended: deque[tuple[Delivery, Settlement]] = deque()
        self._unfinished = 0
        self._running: set[asyncio.Task[Settlement]] = set()
        self._loop = asyncio.new_event_loop()
        self._threads = ThreadPoolExecutor(slots, "slot")
        self._beaten_at = time.monotonic()
        self._is_blocked = False

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
        """Starts the loop in a thread of its own."""
        threading.Thread(target=self._serve, name="asyncio", daemon=True).start()

    def submit(self, deliveries: Iterable[Delivery]) -> None:
        """Hands deliveries to the slots; those of an earlier queue go first."""
        new = list(deliveries)
        self._unfinished += len(new)
        self._ready.put(new)
        self._loop.call_soon_threadsafe(self._admit)

    def collect(self) -> list[tuple[Delivery, Settlement]]:
        """What ended since the last call."""
        self._watch()
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        self._unfinished -= len(ended)
        return ended

    def withdraw(self) -> list[Delivery]:
        """Takes back what no slot has taken yet, in the order of their claims."""
        unstarted = self._ready.take_all()
        self._unfinished -= len(unstarted)
        return unstarted

    def _watch(self) -> None:
        """A function that blocks the loop holds up all jobs; who it is should not be a riddle."""
        silent_seconds = time.monotonic() - self._beaten_at
        is_blocked = silent_seconds > _BLOCKED_SECONDS
        if is_blocked and not self._is_blocked:
            task = asyncio.current_task(self._loop)
            job_id = task.get_name() if task is not None else ""
            _log.warning("loop.blocked", job_id=job_id, seconds=round(silent_seconds, 1))
        self._is_blocked = is_blocked

    # ---------------------------------------------------------------- in the loop's thread

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._beat()
        while True:
            try:
                self._loop.run_forever()
            except BaseException:  # noqa: BLE001 - a task of a job's own task raised SystemExit
                _log.exception("loop.interrupted")

    def _settlement(self, delivery: Delivery, task: asyncio.Task[Settlement]) -> Settlement:
        """Who cancels all tasks of the loop, or its own and returns, ends those jobs badly."""
        if not task.cancelled():
            return task.result()
        now = time.monotonic()
        error = asyncio.CancelledError("A job of this event loop canceled it.")
        return self._execution.settlement(delivery, ending_of(error, now, now))

    def _beat(self) -> None:
        self._beaten_at = time.monotonic()
        self._loop.call_later(_BEAT_SECONDS, self._beat)

    def _admit(self) -> None:
        """Starts what waits, as far as slots are free."""
        while len(self._running) < self._slots:
            delivery = self._ready.try_take()
            if delivery is None:
                return
            delivery.is_started = True
            run = self._execution.run_async(delivery, self._elsewhere)
            task = self._loop.create_task(run, name=delivery.job.id)
            self._running.add(task)
            task.add_done_callback(partial(self._end, delivery))

    async def _elsewhere(self, delivery: Delivery) -> Settlement:
        run = self._execution.run
        return await self._loop.run_in_executor(self._threads, run, delivery, Coroutines())

    def _end(self, delivery: Delivery, task: asyncio.Task[Settlement]) -> None:
        self._running.discard(task)
        self._ended.append((delivery, self._settlement(delivery, task)))
        self._wake.set()
        self._admit()
