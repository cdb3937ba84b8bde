"""The ticker with a clock that the test moves: late ticks, several at once, two tickers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from jobyard.errors import StoreUnavailableError
from jobyard.observability.metrics import SCHEDULER_LATENESS
from jobyard.store import calls
from jobyard_scheduler.attended import AttendedStore
from jobyard_scheduler.loops.ticker import Ticker
from jobyard_scheduler.meters import Meters
from jobyard_scheduler.schedule import Missed, Schedule
from jobyard_scheduler.timing import Every
from support.builders import build_task_record

if TYPE_CHECKING:
    from jobyard.store import Store
    from support.servers import StoreServer

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOURLY = Schedule(name="hourly", task="add", timing=Every(3600))
LATEST = Schedule(name="hourly", task="add", timing=Every(3600), missed=Missed.LATEST)


class Clock:
    """Time that stands still until the test moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **step: float) -> None:
        self.now += timedelta(**step)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON - timedelta(minutes=1))


@pytest.fixture(autouse=True)
def catalogue(store: Store) -> None:
    publish(store)


def publish(store: Store) -> None:
    store.run(calls.publish_tasks([build_task_record(name="add")]))


def ticker(
    store: Store, clock: Clock, schedule: Schedule = HOURLY, meters: Meters | None = None
) -> Ticker:
    return Ticker(AttendedStore(store), [schedule], clock, meters or Meters())


def fired(store: Store) -> list[datetime]:
    jobs = store.run(calls.list_jobs("default")).jobs
    seconds = sorted(int(job.id.removeprefix("cron-hourly-")) for job in jobs)
    return [datetime.fromtimestamp(second, UTC) for second in seconds]


def test_nothing_is_fired_before_it_is_due(store: Store, clock: Clock) -> None:
    loop = ticker(store, clock)

    pause_seconds = loop.tick()

    assert fired(store) == []
    assert pause_seconds == 1.0


def test_the_pause_ends_when_the_next_tick_is_due(store: Store, clock: Clock) -> None:
    loop = ticker(store, clock)
    clock.move(seconds=59.75)

    assert loop.tick() == pytest.approx(0.25)


def test_a_tick_is_fired_once_however_often_the_loop_turns(store: Store, clock: Clock) -> None:
    loop = ticker(store, clock)
    clock.move(minutes=1)

    loop.tick()
    loop.tick()

    assert fired(store) == [NOON]


def test_two_tickers_fire_a_tick_once(store: Store, clock: Clock) -> None:
    loops = [ticker(store, clock), ticker(store, clock)]
    clock.move(minutes=1)

    for loop in loops:
        loop.tick()

    assert fired(store) == [NOON]


def test_a_tick_that_the_store_was_away_for_is_fired_when_it_is_back(
    store: Store, server: StoreServer, clock: Clock
) -> None:
    loop = ticker(store, clock)
    clock.move(minutes=1)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        loop.tick()

    server.restart()
    publish(store)
    clock.move(seconds=50)
    loop.tick()

    assert fired(store) == [NOON]


def test_a_machine_that_slept_does_not_wake_up_to_an_old_tick(store: Store, clock: Clock) -> None:
    loop = ticker(store, clock)

    clock.move(hours=5, minutes=20)
    loop.tick()
    clock.move(minutes=41)
    loop.tick()

    assert fired(store) == [NOON + timedelta(hours=6)]


def test_of_several_missed_ticks_only_the_latest_is_fired_when_asked_for(
    store: Store, clock: Clock
) -> None:
    loop = ticker(store, clock, LATEST)
    loop.tick()

    clock.move(hours=5, minutes=20)
    loop.tick()

    assert fired(store) == [NOON - timedelta(hours=1), NOON + timedelta(hours=5)]


def test_a_clock_that_is_set_back_fires_nothing_again(store: Store, clock: Clock) -> None:
    loop = ticker(store, clock)
    clock.move(minutes=1)
    loop.tick()

    clock.move(hours=-3)
    loop.tick()
    ticker(store, clock, LATEST).tick()

    assert fired(store) == [NOON]


def test_what_is_fired_is_counted_with_how_late_it_was(store: Store, clock: Clock) -> None:
    meters = Meters()
    hourly = ticker(store, clock, meters=meters)

    clock.move(minutes=1, seconds=5)
    hourly.tick()
    hourly.tick()

    assert meters.submissions.counter.read() == {("default", "add"): 1}
    assert meters.histogram(SCHEDULER_LATENESS).read()[("ticker",)].total == pytest.approx(5)
