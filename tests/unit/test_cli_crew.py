"""The crew of a yard: who comes and who goes when the number that is wanted changes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from typing_extensions import override

from jobyard_cli.settings import UpSettings
from jobyard_cli.yard.crew import Crew
from jobyard_cli.yard.service import Stage
from jobyard_cli.yard.yard import Yard

if TYPE_CHECKING:
    from collections.abc import Collection

    from jobyard_cli.yard.service import Program


class YardOfNames(Yard):
    """Keeps names and numbers of processes, and starts none."""

    def __init__(self) -> None:
        self.workers: dict[int, str] = {}
        self.leaving: set[str] = set()
        self._pids = itertools.count(1000)

    @override
    def start(self, program: Program) -> None:
        self.workers[next(self._pids)] = program.name

    @override
    def retire(self, name: str) -> None:
        self.workers = {pid: each for pid, each in self.workers.items() if each != name}
        self.leaving.add(name)

    @override
    def names(self, stage: Stage) -> set[str]:
        return {*self.by_pid(stage).values(), *self.leaving}

    @override
    def by_pid(self, stage: Stage) -> dict[int, str]:
        return dict(self.workers) if stage is Stage.WORKERS else {}

    @override
    def pids(self, stage: Stage) -> set[int]:
        return set(self.by_pid(stage))


class Lab:
    """A crew of three, and who of them is idle."""

    def __init__(self) -> None:
        self.now = 0.0
        self.idle: set[str] = set()
        self.yard = YardOfNames()
        settings = UpSettings.load(_env_file=None)
        self.crew = Crew(settings, self.yard, self._idle, clock=lambda: self.now)
        self.want(3)

    def want(self, number: int) -> list[str]:
        """The workers after a while."""
        self.crew.wanted = number
        for _ in range(5):
            self.now += 1
            self.crew.turn()
        return sorted(self.yard.workers.values())

    def _idle(self, pids: Collection[int]) -> set[int]:
        return {pid for pid in pids if self.yard.workers[pid] in self.idle}


def test_those_that_are_missing_are_started_with_the_first_free_numbers() -> None:
    assert sorted(Lab().yard.workers.values()) == ["worker-1", "worker-2", "worker-3"]


def test_only_idle_workers_go_and_the_newest_first() -> None:
    lab = Lab()
    lab.idle = {"worker-1", "worker-2"}

    assert lab.want(2) == ["worker-1", "worker-3"]


def test_busy_workers_stay_until_they_are_idle() -> None:
    lab = Lab()

    assert len(lab.want(0)) == 3
    lab.idle = {"worker-3"}
    assert lab.want(0) == ["worker-1", "worker-2"]


def test_a_busy_worker_that_was_too_many_and_is_wanted_again_stays() -> None:
    lab = Lab()
    lab.want(1)
    lab.idle = {"worker-1", "worker-2", "worker-3"}

    assert len(lab.want(3)) == 3


def test_a_number_is_free_again_only_when_its_worker_has_left() -> None:
    lab = Lab()
    lab.idle = {"worker-3"}
    lab.want(2)

    assert lab.want(3) == ["worker-1", "worker-2", "worker-4"]
    lab.yard.leaving.clear()
    assert lab.want(4) == ["worker-1", "worker-2", "worker-3", "worker-4"]
