"""Jobs under way while a fault strikes, and what became of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chaos.arena import PATIENCE_SECONDS, Arena
from chaos.table import Row
from chaos.verdict import Case, Verdict, judge
from jobyard.states import State
from support.servers import Engine
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.processes import Service

QUEUE = "chaos"


@dataclass(frozen=True, slots=True)
class Stage:
    """What a fault is given: a directory of its own, and what to run on."""

    directory: Path
    executor: str = "thread"
    engine: Engine = Engine.VALKEY
    seed: int = 1

    def arena(self, **options: Any) -> Arena:
        """An arena with these options."""
        return Arena(self.directory, executor=self.executor, engine=self.engine, **options)


class Load:
    """Jobs of one task on one queue."""

    def __init__(
        self, arena: Arena, task: str = "chaos_sleep", seconds: float | None = 0.1
    ) -> None:
        self.arena = arena
        self.task = task
        self.payload = {} if seconds is None else {"seconds": seconds}
        self.ids: list[str] = []
        self.deaths_ns: list[int] = []
        self.complaints: list[str] = []
        self.faults = 0
        self.slowest_seconds = 0.0

    def submit(self, jobs: int, **fields: Any) -> None:
        """Adds jobs."""
        self.ids += self.arena.submit(self.task, QUEUE, jobs, payload=self.payload, **fields)

    def start_worker(self, **env: object) -> Service:
        """A worker for them that has its lease."""
        worker = self.arena.start_worker(QUEUE, **env)
        worker.wait_for_log("worker.started", 30)
        return worker

    def running(self) -> set[str]:
        """Ids of jobs that have a start and no end on the ledger."""
        ledger = self.arena.ledger
        return ledger.started() - ledger.ended()

    def await_running(self, jobs: int) -> None:
        """Until so many run at once."""
        wait_for(lambda: len(self.running()) >= jobs, 30, "too few jobs run", 0.005)

    def note_death(self) -> None:
        """A worker dies now, or is as good as dead."""
        self.deaths_ns.append(time.time_ns())
        self.faults += 1

    def await_rescue(self, most_seconds: float) -> None:
        """Until nothing is held any more; the time since the last death is measured."""
        try:
            wait_for(lambda: not self.arena.held(QUEUE), most_seconds)
        except AssertionError:
            self.complaints.append(f"jobs were still held {most_seconds} s after a death")
        self.slowest_seconds = max(
            self.slowest_seconds, (time.time_ns() - self.deaths_ns[-1]) / 1e9
        )

    def await_end(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Until all jobs came to an end."""
        try:
            wait_for(lambda: self.arena.ended(QUEUE) >= len(self.ids), seconds, self._left, 0.05)
        except AssertionError as error:
            self.complaints.append(str(error))

    def check(self, claim: str, condition: Callable[[], object], seconds: float = 0.0) -> None:
        """Complains when ``claim`` does not hold within ``seconds``."""
        try:
            wait_for(condition, seconds, claim)
        except AssertionError:
            self.complaints.append(f"does not hold: {claim}")

    def counters(self) -> dict[str, int]:
        """The running counts of the queue."""
        found = self.arena.client.hgetall(self.arena.store.keys.counters(QUEUE))
        return {name.decode(): int(value) for name, value in found.items()}

    def row(self, scenario: str, figure: str = "", ends: State = State.SUCCEEDED) -> Row:
        """The verdict over all jobs, which came to an end."""
        case = Case(scenario, QUEUE, self.ids, ends, self.deaths_ns)
        verdict = judge(self.arena, case) + Verdict(
            kills=self.faults,
            slowest_seconds=self.slowest_seconds,
            complaints=tuple(self.complaints),
        )
        return Row(scenario, self.arena.executor, verdict, figure)

    def _left(self) -> str:
        return f"{len(self.ids) - self.arena.ended(QUEUE)} of {len(self.ids)} jobs did not end"
