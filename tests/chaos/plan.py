"""What a run consists of: kill points of each outcome, of the keeper, and the other faults."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from chaos.arena import Arena
from chaos.faults import FAULTS
from chaos.faults.load import Stage
from chaos.outcomes import OUTCOMES
from chaos.sweep import Sweep, Trip
from chaos.table import Row
from chaos.verdict import Verdict
from jobyard_worker.settings import WorkerSettings
from support.servers import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

EXECUTORS: tuple[str, ...] = get_args(WorkerSettings.model_fields["executor"].annotation)
"""Those that the worker has."""

_QUICK, _LONG = OUTCOMES["success"], OUTCOMES["long"]

POINTS = "kill points: "
KEEPER = "kill points of the keeper"
GIVE_BACK = "kill points of a keeper that gives back"


@dataclass(frozen=True)
class Plan:
    """What to run. ``points`` is how many of each sweep, drawn with ``seed``; 0 means all."""

    seed: int = 1
    points: int = 0
    executors: Sequence[str] = EXECUTORS
    engine: Engine = Engine.VALKEY
    only: str = ""
    """A part of the names of the scenarios to run; ``=name`` for just that one, '' for all."""
    lanes: int = 6
    say: Callable[[str], None] = field(default=lambda _: None)

    def rows(self) -> Iterator[Row]:
        """Runs one scenario after the other."""
        for executor in self.executors:
            for name, scenario in self._scenarios().items():
                if self._is_wanted(name):
                    self.say(f"{name} ({executor})")
                    yield _attempted(name, executor, scenario)

    def _scenarios(self) -> dict[str, Callable[[str], Row]]:
        sweeps = {POINTS + name: partial(self._outcome, name) for name in OUTCOMES}
        faults = {name: partial(self._fault, fault) for name, fault in FAULTS.items()}
        return {**sweeps, KEEPER: self._keeper, GIVE_BACK: self._give_back, **faults}

    def _fault(self, fault: Callable[[Stage], Row], executor: str) -> Row:
        with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
            return fault(Stage(Path(directory), executor, self.engine, self.seed))

    def _outcome(self, name: str, executor: str) -> Row:
        with self._arena(executor) as sweep:
            trips, verdict = sweep.points(OUTCOMES[name])
            verdict += sweep.strike_all([(OUTCOMES[name], [it]) for it in self._some(trips)])
        return Row(POINTS + name, executor, verdict)

    def _keeper(self, executor: str) -> Row:
        with self._arena(executor) as sweep:
            trips, verdict = sweep.keeper_points(_LONG)
            verdict += sweep.strike_all([(_LONG, [it]) for it in self._some(trips)])
        return Row(KEEPER, executor, verdict)

    def _give_back(self, executor: str) -> Row:
        with self._arena(executor) as sweep:
            death, trips, verdict = sweep.give_back_points(_QUICK)
            verdict += sweep.strike_all([(_QUICK, [death, it]) for it in self._some(trips)])
        return Row(GIVE_BACK, executor, verdict)

    def _arena(self, executor: str) -> _SweptArena:
        return _SweptArena(executor, self.engine, self.lanes, self.say)

    def _is_wanted(self, name: str) -> bool:
        if self.only.startswith("="):
            return self.only[1:] == name
        return self.only in name

    def _some(self, trips: Sequence[Trip]) -> list[Trip]:
        if not self.points or self.points >= len(trips):
            return list(trips)
        drawn = random.Random(self.seed).sample(range(len(trips)), self.points)
        return [trips[at] for at in sorted(drawn)]


def _attempted(name: str, executor: str, scenario: Callable[[str], Row]) -> Row:
    """A scenario that cannot be played to its end is a broken promise, not the end of the run."""
    try:
        return scenario(executor)
    except AssertionError as error:
        return Row(name, executor, Verdict(complaints=(str(error),)))


class _SweptArena:
    """An arena with a scheduler, and a sweep over it. A context manager."""

    def __init__(
        self, executor: str, engine: Engine, lanes: int, say: Callable[[str], None]
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="chaos-")
        self._arena = Arena(Path(self._directory.name), executor=executor, engine=engine)
        self._lanes = lanes
        self._say = say

    def __enter__(self) -> Sweep:
        self._arena.__enter__().start_scheduler()
        return Sweep(self._arena, lanes=self._lanes, say=self._say)

    def __exit__(self, *error: object) -> None:
        self._arena.__exit__(*error)
        self._directory.cleanup()
