"""fire: each tick of a schedule makes one job, whoever calls and however often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from jobyard.states import State
from jobyard.store import calls
from jobyard.store.records.submission import SubmitStatus
from support.builders import build_submission
from support.consistency import verify

if TYPE_CHECKING:
    from jobyard.store.records.submission import Submitted
    from support.yard import Yard

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
STEP = timedelta(seconds=30)


def fire(yard: Yard, tick: datetime, schedule: str = "nightly", **overrides: object) -> Submitted:
    job_id = f"cron-{schedule}-{int(tick.timestamp())}"
    submission = build_submission(**{"id": job_id, **overrides})
    return yard.store.run(calls.fire(schedule, tick, submission))


def test_a_tick_makes_a_job(yard: Yard) -> None:
    outcome = fire(yard, NOON)

    assert (outcome.status, outcome.state) == (SubmitStatus.CREATED, State.QUEUED)
    assert yard.waiting() == [outcome.id]
    verify(yard.client, yard.keys)


def test_the_same_tick_again_makes_none(yard: Yard) -> None:
    fire(yard, NOON)
    before = yard.dump()

    assert fire(yard, NOON).status is SubmitStatus.EXISTS
    assert yard.dump() == before


def test_the_same_tick_makes_none_after_its_job_is_forgotten(yard: Yard) -> None:
    fire(yard, NOON, result_ttl_seconds=0)
    yard.join("w1")
    [claimed] = yard.claim()
    yard.settle("succeeded", claimed)

    assert fire(yard, NOON).status is SubmitStatus.EXISTS
    assert yard.waiting() == []


def test_the_same_tick_with_another_id_makes_none(yard: Yard) -> None:
    fire(yard, NOON)

    assert fire(yard, NOON, id="another").status is SubmitStatus.EXISTS
    assert len(yard.waiting()) == 1


def test_an_earlier_tick_makes_none(yard: Yard) -> None:
    fire(yard, NOON)

    assert fire(yard, NOON - STEP).status is SubmitStatus.EXISTS
    assert len(yard.waiting()) == 1


def test_the_next_tick_makes_the_next_job(yard: Yard) -> None:
    outcomes = [fire(yard, NOON + n * STEP) for n in range(5)]

    assert yard.waiting() == [outcome.id for outcome in outcomes]
    verify(yard.client, yard.keys)


def test_ticks_a_millisecond_apart_are_two(yard: Yard) -> None:
    fire(yard, NOON, id="a")
    fire(yard, NOON + timedelta(milliseconds=1), id="b")

    assert yard.waiting() == ["a", "b"]


def test_schedules_do_not_know_each_other(yard: Yard) -> None:
    fire(yard, NOON, schedule="one")

    assert fire(yard, NOON, schedule="two").status is SubmitStatus.CREATED


def test_a_tick_may_be_delayed(yard: Yard) -> None:
    assert fire(yard, NOON, delay_seconds=60.0).state is State.SCHEDULED
    verify(yard.client, yard.keys)


def test_a_garbled_last_tick_is_overwritten(yard: Yard) -> None:
    yard.client.hset(yard.keys.schedule("nightly"), "last", "garbage")

    assert fire(yard, NOON).status is SubmitStatus.CREATED
    assert fire(yard, NOON).status is SubmitStatus.EXISTS
