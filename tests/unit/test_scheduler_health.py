"""A scheduler's health: loops that stand still, and loops that do not get done."""

from __future__ import annotations

import threading
import time

from jobyard.store.levels import Levels
from jobyard_scheduler.board import Board
from jobyard_scheduler.health import Health
from jobyard_scheduler.scheduler import Scheduler
from support.waiting import wait_for

NOTHING = Levels(queues=(), pools=(), unreadable=0, server=None)


class Waiter:
    """A loop whose tick lasts until the test lets it end."""

    name = "waiter"

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def tick(self) -> float:
        self.may_end.wait()
        return 0.01


class Failer:
    """A loop that never gets done."""

    name = "failer"

    def tick(self) -> float:
        raise ValueError("a bug")


def shown() -> Board:
    board = Board()
    board.show(NOTHING, 60)
    return board


def test_a_loop_that_stands_still_is_named_until_it_moves() -> None:
    waiter = Waiter()
    scheduler = Scheduler([waiter])
    late = Health(scheduler, shown(), 5.0, clock=lambda: time.monotonic() + 71)
    early = Health(scheduler, shown(), 5.0, clock=lambda: time.monotonic() + 50)
    scheduler.start()

    assert late.live().startswith("loops stand still: waiter for 71 s")
    assert early.live() == ""

    waiter.may_end.set()
    scheduler.stop(5)


def test_a_loop_that_fails_lives_and_is_not_ready() -> None:
    scheduler = Scheduler([Failer()])
    before = scheduler.last_moves()["failer"]
    health = Health(scheduler, shown(), 5.0)
    scheduler.start()

    wait_for(lambda: scheduler.last_moves()["failer"] > before)
    assert health.live() == ""
    assert health.ready() == "loops do not get done: failer"

    scheduler.stop(5)
    assert health.ready() == "the scheduler was told to stop"


def test_a_scheduler_that_has_seen_no_store_is_not_ready() -> None:
    assert Health(Scheduler([]), Board(), 5.0).ready() == "the store does not answer"
