"""A kill at every point: records an undisturbed run, then has one run for each of its points."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chaos.arena import PATIENCE_SECONDS, RESCUE_SECONDS, SLOTS
from chaos.points import Point, of_roles, recorded, since
from chaos.verdict import Case, Verdict, judge
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from chaos.arena import Arena
    from chaos.outcomes import Outcome
    from support.processes import Service

_QUIET_SECONDS = 0.05
"""After its last job a worker is left alone so long before it is stopped."""
_MOST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Trip:
    """A point to die at; ``reach`` is ``self`` or ``tree``."""

    point: Point
    reach: str = "self"

    def described(self) -> str:
        """In words."""
        return f"{self.point.described()}{' with its children' if self.reach == 'tree' else ''}"


@dataclass
class Strike:
    """One worker with its own queue and jobs, which dies where its trips say."""

    arena: Arena
    outcome: Outcome
    queue: str
    trips: Sequence[Trip] = ()
    is_traced: bool = False
    ids: list[str] = field(default_factory=list)
    rescue_seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What is done to whom."""
        where = " and ".join(trip.described() for trip in self.trips) or "undisturbed"
        return f"{self.outcome.name}, {where}"

    @property
    def trace(self) -> Path:
        """Where the points are written that its processes pass."""
        return self.arena.directory / f"{self.queue}.trace"

    def run(self) -> None:
        """Until its worker is gone and nothing of its queue is held any more."""
        outcome = self.outcome
        self.ids = self._enqueued() if outcome.rq is not None else self._submitted()
        worker = self.arena.start_worker(
            self.queue, **outcome.settings, JOBYARD_CHAOS_TRIP=self._orders(),
            JOBYARD_CHAOS_TRACE=self.trace if self.is_traced else "",
        )  # fmt: skip
        try:
            self._attend(worker)
            self._await_rescue()
        except AssertionError as error:
            self.complaints.append(f"{self.name}: {error}\n{worker.log()[-2000:]}")
        finally:
            self.arena.services.started.remove(worker)
            worker.end()

    def deaths_ns(self, role: str = "") -> list[int]:
        """When processes (of one role) died at their points. An empty fuse is about to burn."""
        return [
            int(time_ns)
            for trip, fuse in zip(self.trips, self._fuses(), strict=True)
            if trip.point.role.startswith(role) and fuse.exists() and (time_ns := fuse.read_text())
        ]

    def drive(self) -> None:
        """What the outcome asks for while jobs run."""
        if self.outcome.is_canceled:
            self.arena.cancel(self._started())

    def is_over(self) -> bool:
        """Whether all its jobs came to an end."""
        return self.arena.ended(self.queue) >= len(self.ids) * (1 + self.outcome.follow_ups)

    def judge(self) -> Verdict:
        """After all its jobs came to an end."""
        deaths = self.deaths_ns()
        case = Case(
            self.name,
            self.queue,
            self.arena.stored(self.queue),
            self.outcome.ends,
            self.deaths_ns("worker"),
            expected=len(self.ids) * (1 + self.outcome.follow_ups),
        )
        return judge(self.arena, case) + Verdict(
            kills=len(deaths),
            unreached=len(self.trips) - len(deaths),
            slowest_seconds=self.rescue_seconds,
            complaints=tuple(self.complaints),
        )

    def _attend(self, worker: Service) -> None:
        """Until the worker is gone: killed at its point, or stopped when there is nothing left."""
        stopped, over_since = False, 0.0
        deadline = time.monotonic() + _MOST_SECONDS
        while worker.is_running:
            assert time.monotonic() < deadline, "the worker does not end"
            self.drive()
            over_since = (over_since or time.monotonic()) if self.is_over() else 0.0
            is_quiet = over_since and time.monotonic() - over_since > _QUIET_SECONDS
            is_drained = self.outcome.is_drained and self._started()
            if not stopped and (is_quiet or is_drained):
                worker.term()
                stopped = True
            time.sleep(0.02)
        if not self.deaths_ns("worker"):
            assert worker.wait() == 0, f"the worker ended with {worker.wait()}"

    def _await_rescue(self) -> None:
        wait_for(lambda: not self.arena.held(self.queue), RESCUE_SECONDS, "its jobs stay held")
        died = max(self.deaths_ns("worker"), default=0)
        if died:
            self.rescue_seconds = (time.time_ns() - died) / 1e9

    def _submitted(self) -> list[str]:
        it = self.outcome
        return self.arena.submit(
            it.task, self.queue, it.jobs, payload=it.payload, **self._submission()
        )

    def _enqueued(self) -> list[str]:
        it, options = self.outcome, self.outcome.rq or {}
        ids = [self.arena.enqueue(it.task, self.queue, **options) for _ in range(it.jobs)]
        if it.has_dependents:
            ids += [self.arena.enqueue(it.task, self.queue, depends_on=first) for first in ids]
        return ids

    def _submission(self) -> dict[str, Any]:
        seconds = self.outcome.expires_seconds
        if seconds is None:
            return self.outcome.submission
        return {"expires_at": datetime.now(UTC) + timedelta(seconds=seconds)}

    def _started(self) -> list[str]:
        path = self.arena.ledger.path
        text = path.read_text() if path.exists() else ""
        return [job_id for job_id in self.ids if f"start {job_id} " in text]

    def _orders(self) -> str:
        return ";".join(
            trip.point.trip(fuse, reach=trip.reach)
            for trip, fuse in zip(self.trips, self._fuses(), strict=True)
        )

    def _fuses(self) -> list[Path]:
        return [self.arena.directory / f"{self.queue}.fuse{n}" for n in range(len(self.trips))]


class Sweep:
    """Strikes in batches: many at once, and one healthy worker that finishes what they left."""

    def __init__(
        self, arena: Arena, *, lanes: int = 6, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._arena = arena
        self._lanes = lanes
        self._say = say
        self._queues = 0

    def record(self, outcome: Outcome, trips: Sequence[Trip] = ()) -> tuple[list[Point], Verdict]:
        """The points that an undisturbed worker and its processes pass, in order.

        With ``trips`` those that are passed when the worker dies there.
        """
        strike = self._new(outcome, trips)
        strike.is_traced = True
        verdict = self._batch([strike])
        return recorded(strike.trace), verdict

    def points(self, outcome: Outcome) -> tuple[list[Trip], Verdict]:
        """Every trip of the worker: alone, and together with its keeper and its children."""
        passed, verdict = self.record(outcome)
        worker = since(passed, "worker", outcome.points_from)
        trips = [Trip(point, reach) for point in worker for reach in ("self", "tree")]
        trips += [Trip(point) for point in of_roles(passed, "child")]
        return trips, verdict

    def keeper_points(self, outcome: Outcome) -> tuple[list[Trip], Verdict]:
        """Every trip of the keeper while its worker lives."""
        passed, verdict = self.record(outcome)
        return [Trip(point) for point in of_roles(passed, "keeper")], verdict

    def give_back_points(self, outcome: Outcome) -> tuple[Trip, list[Trip], Verdict]:
        """A death of the worker, and every trip of the keeper that cleans up after it."""
        passed, verdict = self.record(outcome)
        settle = next(it for it in since(passed, "worker", "settle") if it.when == "before")
        death = Trip(settle)
        passed, again = self.record(outcome, [death])
        return death, [Trip(point) for point in since(passed, "keeper", "reap")], verdict + again

    def strike_all(self, shots: Sequence[tuple[Outcome, Sequence[Trip]]]) -> Verdict:
        """One run for each of ``shots``: jobs that should end so, and where their worker dies."""
        verdict = Verdict()
        for first in range(0, len(shots), 2 * self._lanes):
            some = shots[first : first + 2 * self._lanes]
            verdict += self._batch([self._new(*shot) for shot in some])
            self._say(f"{some[-1][0].name}: {first + len(some)} of {len(shots)}")
        return verdict

    def _batch(self, strikes: list[Strike]) -> Verdict:
        with ThreadPoolExecutor(self._lanes) as pool:
            list(pool.map(Strike.run, strikes))
        self._finish(strikes)
        return sum((strike.judge() for strike in strikes), Verdict())

    def _finish(self, strikes: list[Strike]) -> None:
        """A healthy worker does what is left."""
        left = [strike for strike in strikes if not strike.is_over()]
        if not left:
            return
        healthy = self._arena.start_worker(
            *(strike.queue for strike in left), JOBYARD_CONCURRENCY=2 * SLOTS
        )
        try:
            wait_for(lambda: self._are_over(left), PATIENCE_SECONDS, interval_seconds=0.05)
        except AssertionError:
            left[0].complaints.append(f"jobs are left over:\n{healthy.log()[-2000:]}")
        finally:
            self._arena.services.started.remove(healthy)
            healthy.term()
            healthy.wait()
            healthy.end()

    @staticmethod
    def _are_over(strikes: list[Strike]) -> bool:
        for strike in strikes:
            strike.drive()
        return all(strike.is_over() for strike in strikes)

    def _new(self, outcome: Outcome, trips: Sequence[Trip]) -> Strike:
        self._queues += 1
        return Strike(self._arena, outcome, f"chaos{self._queues}", trips)
