"""The scaler of a yard: what it asks of its crew, and the one line that it says of each change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from jobyard.scaling import Load, Pool, Terms
from jobyard_cli.yard.scaler import Scaler

if TYPE_CHECKING:
    from jobyard_cli.yard.crew import Crew

POOL = Pool(name="mail", queues=("mail",), concurrency=2, latency_target_seconds=10)


@dataclass
class Wanted:
    """A crew that only remembers how many it shall be."""

    wanted: int = 0

    def turn(self) -> None:
        """Starts nobody."""


class Lab:
    """A scaler on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.load: Load | None = Load()
        self.said: list[str] = []
        self.crew = Wanted()
        self.scaler = Scaler(
            POOL,
            Terms(maximum=4),
            cast("Crew", self.crew),
            load=lambda _: self.load,
            say=self.said.append,
            clock=lambda: self.now,
        )

    def wanted_after(self, seconds: int) -> int:
        for _ in range(seconds):
            self.now += 1
            self.scaler.turn()
        return self.crew.wanted


def test_work_is_met_up_to_the_maximum_and_each_change_is_one_line() -> None:
    lab = Lab()
    assert lab.wanted_after(20) == 0
    assert lab.said == []

    lab.load = Load(queued=200)

    assert lab.wanted_after(60) == 4
    assert lab.said[0] == "workers 0 → 1 (keda): 200 queued, 0 busy, signal 10.00"
    assert lab.said[-1] == "workers 1 → 4 (hpa): 200 queued, 0 busy, signal 10.00"
    assert len(lab.said) == 2


def test_a_store_that_says_nothing_changes_nothing() -> None:
    lab = Lab()
    lab.load = Load(queued=200)
    lab.wanted_after(60)

    lab.load = None

    assert lab.wanted_after(600) == 4


def test_a_pool_without_work_is_asleep_in_the_end() -> None:
    lab = Lab()
    lab.load = Load(queued=200)
    lab.wanted_after(60)

    lab.load = Load()

    assert lab.wanted_after(600) == 0
    assert lab.said[-1].endswith("(keda): 0 queued, 0 busy, signal 0.00")
