"""promote: what is due goes to its queue, once, not early, and only if it is still scheduled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.states import State
from jobyard.store import calls
from jobyard.store.records.upkeep import Promoted
from support.consistency import verify
from support.waiting import wait_for

if TYPE_CHECKING:
    from support.yard import Yard


def test_with_nothing_scheduled_it_says_so(yard: Yard) -> None:
    yard.submit("j1")

    assert yard.promote() == Promoted(0, None)


def test_what_is_not_due_stays(yard: Yard) -> None:
    yard.submit("j1", delay_seconds=60)
    before = yard.dump()

    promoted = yard.promote()

    assert promoted.promoted == 0
    assert promoted.next_due_seconds is not None
    assert 55 < promoted.next_due_seconds <= 60
    assert yard.dump() == before


def test_the_nearest_of_all_queues_is_the_next(yard: Yard) -> None:
    yard.submit("far", delay_seconds=600)
    yard.submit("near", queue="low", delay_seconds=30)

    next_due = yard.promote().next_due_seconds

    assert next_due is not None
    assert 25 < next_due <= 30


def test_a_job_becomes_ready_by_the_servers_clock_and_not_before(yard: Yard) -> None:
    yard.submit("j1", delay_seconds=0.15)
    due = yard.read("j1").scheduled_for
    assert due is not None

    wait_for(lambda: yard.promote().promoted)

    assert yard.now_ms() / 1000 >= due.timestamp()
    assert yard.waiting() == ["j1"]
    verify(yard.client, yard.keys)


def test_due_jobs_are_promoted_in_the_order_of_their_time(yard: Yard) -> None:
    yard.submit("late", delay_seconds=90)
    yard.submit("early", delay_seconds=30)
    now = yard.now_ms() / 1000
    key = yard.keys.registry("scheduled", "default")
    yard.client.zadd(key, {"late": now - 1, "early": now - 2})

    assert yard.promote().promoted == 2

    assert yard.waiting() == ["early", "late"]


@pytest.mark.parametrize("attempts", [0, 1])
def test_a_promoted_job_can_be_claimed(yard: Yard, attempts: int) -> None:
    yard.submit("j1", delay_seconds=60)
    yard.make_due("j1")
    yard.join("w1")
    yard.promote()
    for _ in range(attempts):
        yard.settle("retrying", yard.claim()[0])
        yard.make_due("j1")
        yard.promote()

    [claimed] = yard.claim()

    assert claimed.attempts == attempts
    verify(yard.client, yard.keys)


def test_the_limit_is_kept_and_the_rest_is_due_at_once(yard: Yard) -> None:
    ids = [f"j{n:03}" for n in range(100)]
    yard.submit(*ids, delay_seconds=60)
    yard.make_due(*ids)

    first, second = yard.promote(limit=60), yard.promote(limit=60)

    assert (first.promoted, first.next_due_seconds) == (60, 0.0)
    assert (second.promoted, second.next_due_seconds) == (40, None)
    assert sorted(yard.waiting()) == ids
    verify(yard.client, yard.keys)


def test_all_queues_are_promoted(yard: Yard) -> None:
    for queue in ("a", "b", "c"):
        yard.submit(f"job-{queue}", queue=queue, delay_seconds=60)
        yard.make_due(f"job-{queue}", queue=queue)

    assert yard.promote().promoted == 3
    verify(yard.client, yard.keys)


def test_a_canceled_job_is_not_promoted(yard: Yard) -> None:
    yard.submit("j1", delay_seconds=60)
    yard.cancel("j1")
    yard.client.zadd(yard.keys.registry("scheduled", "default"), {"j1": 1})

    assert yard.promote().promoted == 0

    assert yard.read("j1").state is State.CANCELED
    assert yard.waiting() == []
    verify(yard.client, yard.keys)


def test_an_id_without_a_record_is_dropped_and_counted(yard: Yard) -> None:
    yard.submit("gone", "kept", delay_seconds=60)
    yard.make_due("gone", "kept")
    yard.client.delete(yard.keys.job("gone"))

    assert yard.promote().promoted == 1

    assert yard.waiting() == ["kept"]
    assert yard.counters()["vanished"] == 1


@pytest.mark.parametrize("damage", ["string", "status"])
def test_an_unreadable_record_is_put_aside_and_harms_no_other(yard: Yard, damage: str) -> None:
    yard.submit("broken", "good", delay_seconds=60)
    yard.make_due("broken", "good")
    if damage == "string":
        yard.client.set(yard.keys.job("broken"), "not a hash")
    else:
        yard.client.hset(yard.keys.job("broken"), "status", "levitating")

    assert yard.promote().promoted == 1

    assert yard.waiting() == ["good"]
    assert yard.quarantined() == {"broken"}


def test_a_broken_queue_does_not_hold_up_the_others(yard: Yard) -> None:
    for queue in ("a", "broken", "c"):
        yard.submit(f"job-{queue}", queue=queue, delay_seconds=60)
        yard.make_due(f"job-{queue}", queue=queue)
    yard.client.delete(yard.keys.queue("broken"))
    yard.client.set(yard.keys.queue("broken"), "foreign")

    assert yard.store.run(calls.promote()).promoted == 2

    assert yard.read("job-broken").state is State.SCHEDULED


def test_an_idle_worker_is_woken(yard: Yard) -> None:
    yard.submit("j1", delay_seconds=60)
    yard.make_due("j1")

    yard.promote()

    assert yard.store.listen(["default"], 0.05)


def test_it_says_for_how_long_the_longest_overdue_had_been_due(yard: Yard) -> None:
    yard.submit("j1", "j2", delay_seconds=60)
    for job_id, seconds in (("j1", 5), ("j2", 90)):
        due = yard.client.time()[0] - seconds
        yard.client.zadd(yard.keys.registry("scheduled", "default"), {job_id: due})

    promoted = yard.promote()

    assert promoted.promoted == 2
    assert 90 <= promoted.late_seconds < 120
    assert yard.promote().late_seconds == 0
