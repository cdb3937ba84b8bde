"""A pool over time: jobs come, slots take them, the autoscaler looks. Event by event, no threads.

What it leaves out: nodes without room, claims ahead, and the round trips of a job (under 5 ms).
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from jobyard.scaling import Autoscaler, Load
from jobyard_cli.model.outcome import Outcome

if TYPE_CHECKING:
    from jobyard.scaling import Terms
    from jobyard_cli.model.signals import Signal
    from jobyard_cli.model.workload import Workload

_RENEWAL_SECONDS = 1.0
"""Workers write their busy slots once a second: a look sees those of up to a second ago."""
_LET_GO_SECONDS = 0.5
_MOST_TAIL_SECONDS = 86_400.0
"""What has not ended by then never does."""


class Leaving(Enum):
    """Who goes when there are too many."""

    IDLE_ONLY = auto()
    """Nobody who has a job: `jobyard up --autoscale`."""
    IDLE_FIRST = auto()
    """Pods with the lowest deletion cost; a busy one finishes within its grace."""
    NEWEST = auto()
    """Pods as Kubernetes takes them without a deletion cost; a busy one as above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The workers: what one of them is, and how it comes and goes."""

    concurrency: int = 8
    startup_seconds: float = 10.0
    grace_seconds: float = 30.0
    leaving: Leaving = Leaving.IDLE_FIRST


@dataclass(slots=True, eq=False)
class _Worker:
    started_at: float
    number: int
    free: int = 0
    is_ready: bool = False
    is_leaving: bool = False
    running: dict[int, float] = field(default_factory=dict)
    """Job → when it started here."""

    def deletion_cost(self, now: float) -> tuple[bool, float, int]:
        """A pod that is not ready goes first, then idle ones, then those with young jobs."""
        oldest = min(self.running.values(), default=now)
        return self.is_ready, now - oldest, -self.number


def simulate(workload: Workload, signal: Signal, terms: Terms, fleet: Fleet) -> Outcome:
    """Runs a workload to its end, until the pool is at its minimum again."""
    return _Simulation(workload, signal, terms, fleet).run()


class _Simulation:
    def __init__(self, workload: Workload, signal: Signal, terms: Terms, fleet: Fleet) -> None:
        self._workload, self._signal, self._terms, self._fleet = workload, signal, terms, fleet
        self._autoscaler = Autoscaler(terms)
        self._outcome = Outcome()
        self._queue: deque[int] = deque()
        self._waited: set[int] = set()
        self._workers: list[_Worker] = []
        self._leavers: set[_Worker] = set()
        self._free: deque[_Worker] = deque()
        self._events: list[tuple[float, int, int, _Worker, int]] = []
        self._count = itertools.count()
        self._busy, self._busy_seen, self._renewed_at = 0, 0, 0.0
        self._let_go_at = 0.0
        self.wanted = terms.minimum
        self.now = 0.0

    def run(self) -> Outcome:
        self._fill_up(startup_seconds=0.0)
        arrivals, at, number = self._workload.arrivals, 0, len(self._workload.arrivals)
        while at < number or not self._is_over():
            arrival = arrivals[at] if at < number else math.inf
            event = self._events[0][0] if self._events else math.inf
            look = self._next_look()
            self.now = min(arrival, event, look)
            if self.now == arrival:
                self._take_in(at)
                at += 1
            elif self.now == event:
                self._happen(*heapq.heappop(self._events)[2:])
            else:
                self._look()
        self._close()
        return self._outcome

    # ---------------------------------------------------------------- jobs

    def _take_in(self, job: int) -> None:
        worker = self._free_worker()
        if worker is None:
            self._queue.append(job)
        else:
            self._start(worker, job)

    def _free_worker(self) -> _Worker | None:
        """Of the worker that has waited longest for a job."""
        while self._free:
            worker = self._free.popleft()
            if not worker.is_leaving:
                return worker
        return None

    def _start(self, worker: _Worker, job: int) -> None:
        worker.free -= 1
        worker.running[job] = self.now
        self._see_busy(1)
        if job not in self._waited:
            self._waited.add(job)
            self._outcome.waits.append(self.now - self._workload.arrivals[job])
        self._plan(self._workload.durations[job], worker, job)

    def _next_job(self, worker: _Worker) -> None:
        if self._queue:
            self._start(worker, self._queue.popleft())
        else:
            self._free.append(worker)

    # ---------------------------------------------------------------- what happens

    def _plan(self, seconds: float, worker: _Worker, job: int) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._count), 0, worker, job))

    def _happen(self, _: int, worker: _Worker, job: int) -> None:
        if job == _READY:
            self._make_ready(worker)
        elif job == _GRACE_IS_OVER:
            self._kill(worker)
        elif job in worker.running:
            self._end(worker, job)

    def _make_ready(self, worker: _Worker) -> None:
        if worker.is_leaving:
            return
        worker.is_ready, worker.free = True, self._fleet.concurrency
        for _ in range(worker.free):
            self._next_job(worker)

    def _end(self, worker: _Worker, job: int) -> None:
        del worker.running[job]
        worker.free += 1
        self._see_busy(-1)
        if not worker.is_leaving:
            self._next_job(worker)
        elif not worker.running:
            self._gone(worker)

    def _kill(self, worker: _Worker) -> None:
        if worker not in self._leavers:
            return
        self._outcome.killed += 1
        self._see_busy(-len(worker.running))
        self._queue.extendleft(reversed(worker.running))
        worker.running.clear()
        self._gone(worker)
        while self._queue and (free := self._free_worker()) is not None:
            self._start(free, self._queue.popleft())

    def _see_busy(self, change: int) -> None:
        """What workers have written of it is that of the last whole second."""
        if self.now - self._renewed_at >= _RENEWAL_SECONDS:
            self._renewed_at = math.floor(self.now)
            self._busy_seen = self._busy
        self._busy += change

    # ---------------------------------------------------------------- scaling

    def _next_look(self) -> float:
        look = max(self._autoscaler.next_look_at, self.now)
        return min(look, self._let_go_at) if self._is_letting_go() else look

    def _is_letting_go(self) -> bool:
        return self._fleet.leaving is Leaving.IDLE_ONLY and len(self._workers) > self.wanted

    def _look(self) -> None:
        if self._autoscaler.next_look_at <= self.now:
            wanted = self._autoscaler.look(
                self.now, self.wanted, self._signal(self._load())
            ).replicas
            self._outcome.changes += wanted != self.wanted
            self.wanted = wanted
            self._outcome.history.append((self.now, len(self._workers), len(self._queue)))
        self._fill_up(self._fleet.startup_seconds)
        self._let_go()

    def _load(self) -> Load:
        self._see_busy(0)
        return Load(queued=len(self._queue), claimed=self._busy, busy=self._busy_seen)

    def _fill_up(self, startup_seconds: float) -> None:
        while len(self._workers) < self.wanted:
            worker = _Worker(self.now, next(self._count))
            self._workers.append(worker)
            self._plan(startup_seconds, worker, _READY)
        self._outcome.most = max(self._outcome.most, len(self._workers))

    def _let_go(self) -> None:
        number = len(self._workers) - self.wanted
        if number <= 0:
            return
        self._let_go_at = self.now + _LET_GO_SECONDS
        for worker in self._victims()[:number]:
            self._tell_to_leave(worker)

    def _victims(self) -> list[_Worker]:
        match self._fleet.leaving:
            case Leaving.NEWEST:
                return sorted(self._workers, key=lambda each: (each.is_ready, -each.number))
            case Leaving.IDLE_FIRST:
                return sorted(self._workers, key=lambda each: each.deletion_cost(self.now))
            case Leaving.IDLE_ONLY:
                idle = [each for each in self._workers if each.is_ready and not each.running]
                return sorted(idle, key=lambda each: -each.number)

    def _tell_to_leave(self, worker: _Worker) -> None:
        worker.is_leaving = True
        self._workers.remove(worker)
        self._leavers.add(worker)
        if not worker.running:
            self._gone(worker)
            return
        self._outcome.stopped_busy += 1
        self._plan(self._fleet.grace_seconds, worker, _GRACE_IS_OVER)

    def _gone(self, worker: _Worker) -> None:
        self._leavers.discard(worker)
        self._outcome.worker_seconds += self.now - worker.started_at

    # ---------------------------------------------------------------- the end

    def _is_over(self) -> bool:
        if self.now > self._workload.seconds + _MOST_TAIL_SECONDS:
            return True
        is_idle = not (self._queue or self._busy or self._leavers)
        return (
            is_idle
            and self.now >= self._workload.seconds
            and len(self._workers) <= max(1, self._terms.minimum)
        )

    def _close(self) -> None:
        for worker in [*self._workers, *self._leavers]:
            self._outcome.worker_seconds += self.now - worker.started_at


_READY, _GRACE_IS_OVER = -1, -2
