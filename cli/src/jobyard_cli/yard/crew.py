"""The workers of a yard that is scaled: as many as are wanted, and no busy one is sent away."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from jobyard_cli.yard.programs import worker_name, worker_program
from jobyard_cli.yard.service import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from jobyard_cli.settings import UpSettings
    from jobyard_cli.yard.yard import Yard

LOOK_SECONDS = 0.5
"""Between two looks for idle workers, while there are too many."""


class Crew:
    """Starts workers at once, and lets them go one by one, as they have nothing in hand.

    ``wanted`` is what a Deployment's ``replicas`` are: workers that are too many and busy stay
    until they are idle, or wanted again.
    """

    def __init__(
        self,
        settings: UpSettings,
        yard: Yard,
        idle: Callable[[Collection[int]], set[int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``idle`` says which of some processes hold no job."""
        self._settings = settings
        self._yard = yard
        self._idle = idle
        self._clock = clock
        self._look_at = 0.0
        self.wanted = len(yard.pids(Stage.WORKERS))

    @property
    def size(self) -> int:
        """Workers that are there, without those that are leaving."""
        return len(self._yard.by_pid(Stage.WORKERS))

    def turn(self) -> None:
        """Starts those that are missing; lets some go that are too many and idle."""
        while self.size < self.wanted:
            self._yard.start(worker_program(self._settings, self._free_number()))
        if self.size > self.wanted and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_SECONDS
            self._let_go(self.size - self.wanted)

    def _let_go(self, number: int) -> None:
        names = self._yard.by_pid(Stage.WORKERS)
        idle = sorted((names[pid] for pid in self._idle(names)), key=_number_of)
        for name in list(reversed(idle))[:number]:
            self._yard.retire(name)

    def _free_number(self) -> int:
        taken = self._yard.names(Stage.WORKERS)
        return next(number for number in itertools.count(1) if worker_name(number) not in taken)


def _number_of(name: str) -> int:
    return int(name.rpartition("-")[2])
