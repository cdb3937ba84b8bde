"""pause, resume, purge and what queues.lua says of the last minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.states import State
from jobyard.store import calls, oversight
from jobyard.store.standing import StandingCall
from support.builders import build_nonce, build_rq_ending
from support.consistency import verify
from support.waiting import wait_for

if TYPE_CHECKING:
    from jobyard.store.records.delivery import Claim
    from jobyard.store.records.oversight import Purged
    from support.yard import Yard


def pause(yard: Yard, queue: str = "default") -> bool:
    return yard.store.run(oversight.pause(queue))


def resume(yard: Yard, queue: str = "default") -> bool:
    return yard.store.run(oversight.resume(queue))


def serve(yard: Yard) -> None:
    """A worker begins to serve the queue, which is known from then on."""
    join = calls.join("w1", pool="p", slots=4, lease_seconds=60, queues=("default",))
    yard.store.run(join)


# ---------------------------------------------------------------- pause and resume


def test_nothing_is_claimed_from_a_paused_queue_and_the_others_go_on(yard: Yard) -> None:
    yard.submit("j1")
    yard.submit("j2", queue="low")
    yard.join("w1")

    pause(yard)

    assert [job.id for job in yard.claim(queues=("default", "low"))] == ["j2"]
    assert yard.waiting() == ["j1"]
    verify(yard.client, yard.keys)


def test_a_claim_of_paused_queues_only_says_that_there_is_no_more(yard: Yard) -> None:
    yard.submit("j1")
    yard.join("w1")
    pause(yard)

    claim = yard.store.run(calls.claim("w1", build_nonce(), ("default",), 5))

    assert (claim.jobs, claim.more) == ((), False)


def test_a_resumed_queue_is_worked_off_in_order(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.join("w1")
    pause(yard)
    pause(yard)

    assert resume(yard)

    assert [job.id for job in yard.claim()] == ["j1", "j2"]


def test_jobs_still_come_into_a_paused_queue_and_what_runs_there_ends(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    pause(yard)

    yard.submit("j2")
    yard.settle("succeeded", claimed)

    assert yard.read("j1").state is State.SUCCEEDED
    assert yard.waiting() == ["j2"]
    verify(yard.client, yard.keys)


def test_what_is_due_moves_into_a_paused_queue_and_waits_there(yard: Yard) -> None:
    yard.submit("j1", delay_seconds=60.0)
    yard.join("w1")
    pause(yard)
    yard.make_due("j1")

    yard.promote()

    assert yard.claim() == []
    assert yard.waiting() == ["j1"]


def test_a_resume_rings_for_what_waits(yard: Yard) -> None:
    yard.submit("j1", "j2", "j3")
    pause(yard)
    yard.client.delete(yard.keys.bell("default"))

    resume(yard)

    assert yard.client.llen(yard.keys.bell("default")) == 3


def test_a_resume_of_a_queue_that_is_not_paused_rings_for_nobody(yard: Yard) -> None:
    yard.submit("j1")
    yard.client.delete(yard.keys.bell("default"))

    assert resume(yard)

    assert not yard.client.exists(yard.keys.bell("default"))


def test_a_claim_that_stands_takes_nothing_from_a_queue_that_was_paused_meanwhile(
    yard: Yard,
) -> None:
    serve(yard)
    call = calls.claim("w1", build_nonce(), ("default",), 1)
    yard.client.script_load(call.script.text)
    standing: StandingCall[Claim] = StandingCall(yard.store, ["default"])
    standing.send(call)
    wait_for(lambda: any(client["flags"] == "b" for client in yard.client.client_list()))
    pause(yard)

    yard.submit("j1")

    assert standing.receive().jobs == ()
    assert yard.waiting() == ["j1"]


def test_a_claim_that_stands_brings_the_job_once_the_queue_goes_on(yard: Yard) -> None:
    yard.submit("j1")
    pause(yard)
    yard.client.delete(yard.keys.bell("default"))
    yard.join("w1")
    call = calls.claim("w1", build_nonce(), ("default",), 1)
    yard.client.script_load(call.script.text)
    standing: StandingCall[Claim] = StandingCall(yard.store, ["default"])
    standing.send(call)
    wait_for(lambda: any(client["flags"] == "b" for client in yard.client.client_list()))

    resume(yard)

    assert [job.id for job in standing.receive().jobs] == ["j1"]


def test_a_queue_without_a_job_is_paused_once_a_worker_serves_it(yard: Yard) -> None:
    serve(yard)

    assert pause(yard)
    yard.submit("j1")

    assert yard.claim() == []


@pytest.mark.parametrize("lane", ["default.high", "default.low"])
def test_the_lanes_of_a_queue_are_paused_and_resumed_with_it(yard: Yard, lane: str) -> None:
    yard.submit("j1", queue=lane)
    yard.join("w1")

    assert pause(yard)
    assert yard.claim() == []
    assert yard.claim(queues=(lane,)) == []
    yard.client.delete(yard.keys.bell("default"))

    assert resume(yard)
    assert yard.client.llen(yard.keys.bell("default")) == 1
    assert [job.id for job in yard.claim()] == ["j1"]


@pytest.mark.parametrize("move", [oversight.pause, oversight.resume])
def test_a_queue_that_nobody_knows_is_neither_paused_nor_resumed(yard: Yard, move: object) -> None:
    assert not yard.store.run(move("nowhere"))  # type: ignore[operator]

    assert yard.client.keys() == []


def test_a_foreign_key_in_the_place_of_the_paused_ones_stops_no_claim(yard: Yard) -> None:
    yard.submit("j1")
    yard.join("w1")
    yard.client.set(yard.keys.paused(), "foreign")

    assert [job.id for job in yard.claim()] == ["j1"]
    assert not yard.info().paused


def test_a_claim_costs_one_command_more_for_any_number_of_queues(yard: Yard) -> None:
    yard.join("w1")
    names = [f"q{number}" for number in range(64)]
    yard.client.config_resetstat()

    yard.claim(queues=names)

    stats = yard.client.info("commandstats")
    assert stats["cmdstat_smismember"]["calls"] == 1


# ---------------------------------------------------------------- purge


def purge(yard: Yard, source: str = "queue", **options: int) -> Purged:
    return yard.store.run(oversight.purge("default", source, **options))  # type: ignore[arg-type]


def test_a_purge_cancels_what_waits_as_cancel_does(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.submit("delayed", delay_seconds=60.0)
    yard.submit("other", queue="low")

    done = purge(yard)

    assert (done.canceled, done.kept, done.seen) == (2, 0, 2)
    assert [yard.read(name).state for name in ("j1", "j2")] == [State.CANCELED] * 2
    assert yard.read("delayed").state is State.SCHEDULED
    assert yard.read("other").state is State.QUEUED
    verify(yard.client, yard.keys)


def test_a_purge_of_what_is_delayed_takes_retries_as_well(yard: Yard) -> None:
    [claimed] = yard.claim_new("retrying")
    yard.settle("retrying", claimed)
    yard.submit("delayed", delay_seconds=60.0)
    yard.submit("waiting")

    done = purge(yard, "scheduled")

    assert done.canceled == 2
    assert [yard.read(name).state for name in ("retrying", "delayed")] == [State.CANCELED] * 2
    assert yard.waiting() == ["waiting"]
    verify(yard.client, yard.keys)


def test_a_call_takes_a_hundred_jobs_and_the_next_one_goes_on(yard: Yard) -> None:
    yard.submit(*(f"j{number:03}" for number in range(150)))

    first = purge(yard)
    second = purge(yard, began_ms=first.began_ms)

    assert (first.canceled, second.canceled) == (100, 50)
    assert yard.info().canceled == 150
    verify(yard.client, yard.keys)


@pytest.mark.parametrize("source", ["queue", "scheduled"])
def test_jobs_that_came_after_the_purge_began_are_kept(yard: Yard, source: str) -> None:
    delay = 60.0 if source == "scheduled" else None
    yard.submit("old", delay_seconds=delay)
    began = yard.now_ms()
    yard.client.hset(yard.keys.job("old"), "created_at", "2026-01-01T00:00:00.000000Z")
    yard.submit("new", delay_seconds=delay)
    yard.client.hset(yard.keys.job("new"), "created_at", "2999-01-01T00:00:00.000000Z")

    done = purge(yard, source, began_ms=began)

    assert (done.canceled, done.kept, done.seen) == (1, 1, 2)
    assert yard.read("old").state is State.CANCELED
    assert yard.read("new").state is (State.SCHEDULED if delay else State.QUEUED)
    verify(yard.client, yard.keys)


def test_what_was_kept_is_skipped_and_what_stands_behind_it_is_found(yard: Yard) -> None:
    yard.submit("new", "old")
    yard.client.hset(yard.keys.job("new"), "created_at", "2999-01-01T00:00:00.000000Z")

    done = purge(yard, skip=1)

    assert (done.canceled, done.kept) == (1, 0)
    assert yard.waiting() == ["new"]


def test_ids_without_a_waiting_job_are_taken_out(yard: Yard) -> None:
    yard.submit("j1", "canceled", "gone")
    yard.client.delete(yard.keys.job("gone"))
    yard.client.hset(yard.keys.job("canceled"), "status", "canceled")

    done = purge(yard)

    assert (done.canceled, done.seen) == (1, 3)
    assert yard.waiting() == []


def test_a_purge_of_nothing(yard: Yard) -> None:
    for source in ("queue", "scheduled"):
        done = purge(yard, source)
        assert (done.canceled, done.kept, done.seen) == (0, 0, 0)


def test_a_slot_of_a_rate_limit_is_free_after_a_purge(yard: Yard) -> None:
    yard.submit("j1", "held")
    yard.client.lrem(yard.keys.queue("default"), 1, "held")
    limit = {"rate_limit_key": "k", "rate_limit_concurrency": "1"}
    yard.client.hset(yard.keys.job("j1"), mapping=limit)
    yard.client.hset(yard.keys.job("held"), mapping={**limit, "status": "rate_limited"})
    yard.client.hset("rq:rl:k", "concurrency", 1)
    yard.client.zadd("rq:rl:k:allowed", {"j1": 1})
    yard.client.zadd("rq:rl:k:rate_limited", {"held": 1})

    purge(yard)

    assert yard.waiting() == ["held"]


# ---------------------------------------------------------------- the last minute


def test_what_came_and_what_was_worked_off_in_the_last_minute(yard: Yard) -> None:
    first, second, third, fourth = yard.claim_new("j1", "j2", "j3", "j4")
    yard.settle("succeeded", first)
    yard.settle("failed", second)
    yard.settle("canceled", third)
    yard.store.run(calls.settle_rq("w1", [build_rq_ending("succeeded", fourth)]))
    yard.submit("j5")

    info = yard.info()

    assert info.in_per_second == pytest.approx(5 / 60)
    assert info.out_per_second == pytest.approx(3 / 60)
    assert info.wait_estimate_seconds == pytest.approx(1 / (3 / 60))


def test_only_a_part_of_the_oldest_ten_seconds_counts(yard: Yard) -> None:
    yard.submit("j1")
    bucket = yard.now_ms() // 10_000
    ages = {f"in:{bucket - age}": 60 for age in (-1, 3, 7, 100)}
    yard.client.hset(yard.keys.counters("default"), mapping=ages)

    info = yard.info()

    assert 61 <= info.in_per_second * 60 < 180, "now and then, never what is long past"


def test_old_counts_are_taken_away_when_new_ones_begin(yard: Yard) -> None:
    yard.submit("j1")
    counters = yard.keys.counters("default")
    old = yard.now_ms() // 10_000 - 50
    yard.client.hset(counters, mapping={f"in:{old}": 1, f"out:{old}": 1})
    fresh = [name for name in yard.client.hkeys(counters) if name.startswith(b"in:")]
    yard.client.hdel(counters, *(name for name in fresh if name != f"in:{old}".encode()))

    yard.submit("j2")

    assert [name for name in yard.client.hkeys(counters) if name.endswith(str(old).encode())] == []
    assert yard.counters()["submitted"] == 2


@pytest.mark.parametrize("waits", [0, 1])
def test_without_a_rate_nothing_is_estimated_unless_nothing_waits(yard: Yard, waits: int) -> None:
    yard.submit("j1")
    yard.join("w1")
    if not waits:
        yard.claim()

    assert yard.info().wait_estimate_seconds == (None if waits else 0)


def test_of_a_paused_queue_nothing_is_estimated(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle("succeeded", claimed)
    yard.submit("j2")

    pause(yard)

    assert yard.info().paused
    assert yard.info().wait_estimate_seconds is None


def test_the_age_of_what_waits_longest_is_told_by_the_servers_clock(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.client.hset(yard.keys.job("j1"), "enqueued_at", "2026-01-01T00:00:00.000000Z")

    age = yard.info().oldest_age_seconds

    assert age == pytest.approx(yard.now_ms() / 1000 - 1767225600, abs=60)


@pytest.mark.parametrize("written", ["never", "", "2026-01-01T00:00:00"])
def test_a_time_that_nobody_can_read_has_no_age(yard: Yard, written: str) -> None:
    yard.submit("j1")
    yard.client.hset(yard.keys.job("j1"), "enqueued_at", written)

    assert yard.info().oldest_age_seconds is None
