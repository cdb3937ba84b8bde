"""settle: each delivery ends once, by whoever owns it, and leaves what its end calls for."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.states import State
from jobyard.store import calls
from jobyard.store.records.delivery import JournalEntry, Settled
from support.builders import BOOM, KINDS, build_settlement, build_submission
from support.consistency import verify
from support.keyspace import changed

if TYPE_CHECKING:
    from support.yard import Yard

GARBLED = (b"garbage", b"", b"\xff\xfe", b"1.5", b"1e999", b"nan", b"-7", b"9" * 30)


def test_success_keeps_the_result_and_the_times(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    now = time.monotonic()

    outcome = yard.settle(
        "succeeded", claimed, result=b'{"sum":[1,2.5,null]}', started=now - 3.0, ended=now - 1.0
    )

    record = yard.read("j1")
    assert outcome is Settled.DONE
    assert (record.state, record.attempts) == (State.SUCCEEDED, 1)
    assert record.result == {"sum": [1, 2.5, None]}
    assert record.error is None
    assert record.started_at is not None
    assert record.ended_at is not None
    assert abs(record.ended_at - record.started_at - timedelta(seconds=2)) < timedelta(seconds=0.01)
    assert abs(record.ended_at.timestamp() - (yard.now_ms() / 1000 - 1)) < 0.9
    verify(yard.client, yard.keys)


def test_what_a_successful_job_enqueued_becomes_visible_with_its_end(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    children = (
        build_submission(id="now", queue="low"),
        build_submission(id="later", delay_seconds=60.0),
    )

    outcome = yard.settle("succeeded", claimed, follow_ups=children)

    assert outcome is Settled.DONE
    assert yard.read("now").state is State.QUEUED
    assert yard.read("later").state is State.SCHEDULED
    verify(yard.client, yard.keys)


def test_what_a_stale_delivery_enqueued_never_becomes_visible(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.leave()
    yard.join("w1")

    outcome = yard.settle("succeeded", claimed, follow_ups=(build_submission(id="child"),))

    assert outcome is Settled.STALE
    assert yard.store.run(calls.read("child")) is None


def test_a_foreign_key_in_the_place_of_the_results_stops_nothing(yard: Yard) -> None:
    claimed = yard.claim_new("j1", "j2")
    yard.client.set(yard.keys.results("j1"), "not ours")

    ends = [build_settlement("succeeded", job) for job in claimed]
    outcomes = yard.store.run(calls.settle("w1", ends))

    assert outcomes == [Settled.DONE, Settled.DONE]
    assert [yard.read(job.id).state for job in claimed] == [State.SUCCEEDED] * 2
    assert yard.client.get(yard.keys.results("j1")) == b"not ours"
    assert yard.client.ttl(yard.keys.results("j1")) == -1
    assert b"foreign type" in yard.client.hgetall(yard.keys.quarantine())[b"j1"]


def test_cancel_tells_how_the_job_ended(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle("canceled", claimed, error=BOOM)

    record = yard.read("j1")
    assert (record.state, record.error) == (State.CANCELED, BOOM)


def test_failure_keeps_the_error(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle("failed", claimed)

    record = yard.read("j1")
    assert (record.state, record.attempts, record.result) == (State.FAILED, 1, None)
    assert record.error == BOOM
    assert [attempt.outcome for attempt in record.history] == ["failed"]
    assert record.history[0].worker == "w1"
    verify(yard.client, yard.keys)


def test_a_retry_is_scheduled_and_spends_an_attempt(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    due = yard.now_ms() / 1000 + 2.5

    yard.settle("retrying", claimed, delay_seconds=2.5)

    record = yard.read("j1")
    assert (record.state, record.attempts) == (State.RETRYING, 1)
    assert record.scheduled_for is not None
    assert abs(record.scheduled_for.timestamp() - due) < 1
    assert record.error == BOOM
    assert yard.waiting() == []
    verify(yard.client, yard.keys)


def test_a_retry_without_delay_waits_behind_the_others(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.submit("j2")

    yard.settle("retrying", claimed, delay_seconds=0)

    assert yard.waiting() == ["j2", "j1"]
    verify(yard.client, yard.keys)


def test_the_history_of_a_retried_job_is_newest_first(yard: Yard) -> None:
    [first] = yard.claim_new("j1")
    yard.settle("retrying", first, delay_seconds=0)
    [second] = yard.claim()

    yard.settle("succeeded", second)

    record = yard.read("j1")
    assert second.attempts == 1
    assert (record.attempts, record.deliveries) == (2, 2)
    assert [attempt.outcome for attempt in record.history] == ["succeeded", "retried"]
    verify(yard.client, yard.keys)


def test_cancel_ends_it_without_result_or_error(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle("canceled", claimed)

    record = yard.read("j1")
    assert (record.state, record.result) == (State.CANCELED, None)
    verify(yard.client, yard.keys)


@pytest.mark.parametrize("kind", ["retrying", "crashed"])
def test_a_job_that_was_asked_to_cancel_does_not_run_again(yard: Yard, kind: str) -> None:
    [claimed] = yard.claim_new("j1")
    yard.cancel("j1")

    yard.settle(kind, claimed)

    assert yard.read("j1").state is State.CANCELED
    verify(yard.client, yard.keys)


@pytest.mark.parametrize(
    ("kind", "state"), [("succeeded", State.SUCCEEDED), ("failed", State.FAILED)]
)
def test_a_job_that_ended_before_it_saw_the_cancel_tells_how(
    yard: Yard, kind: str, state: State
) -> None:
    [claimed] = yard.claim_new("j1")
    yard.cancel("j1")

    yard.settle(kind, claimed)

    assert yard.read("j1").state is state
    verify(yard.client, yard.keys)


def test_a_crash_spends_the_crash_budget_and_no_attempt(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1", "j2")[:1]
    yard.submit("j3")

    yard.settle("crashed", claimed, budget=3)

    record = yard.read("j1")
    assert (record.state, record.crashes, record.attempts) == (State.QUEUED, 1, 0)
    assert yard.waiting() == ["j1", "j3"]
    assert yard.claim(limit=1)[0].suspect
    verify(yard.client, yard.keys)


def test_the_crash_that_uses_up_the_budget_makes_a_dead_letter(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.leave()
    yard.join("w1")

    for _ in range(3):
        [claimed] = yard.claim()
        yard.settle("crashed", claimed, budget=3)

    record = yard.read("j1")
    assert (record.state, record.crashes) == (State.FAILED, 3)
    assert record.error == BOOM
    verify(yard.client, yard.keys)


def test_the_history_tells_attempts_and_crashes_apart(yard: Yard) -> None:
    yard.submit("j1")
    yard.join("w1")
    for attempt, kind in [(1, "retrying"), (2, "crashed"), (2, "retrying"), (3, "succeeded")]:
        [claimed] = yard.claim()
        more: dict[str, Any] = {"delay_seconds": 0} if kind == "retrying" else {}
        yard.settle(kind, claimed, attempt=attempt, **more)

    record = yard.read("j1")
    assert (record.attempts, record.crashes, record.deliveries) == (3, 1, 4)
    assert [(one.outcome, one.attempt) for one in record.history] == [
        ("succeeded", 3),
        ("retried", 2),
        ("crashed", 2),
        ("retried", 1),
    ]
    assert all(one.error == BOOM for one in record.history[1:])
    assert all(one.worker == "w1" and one.started_at and one.ended_at for one in record.history)


def test_a_long_history_keeps_the_last_ten_and_the_right_numbers(yard: Yard) -> None:
    yard.submit("j1")
    yard.join("w1")
    for attempt in range(1, 13):
        [claimed] = yard.claim()
        assert claimed.attempts == attempt - 1
        yard.settle("retrying", claimed, attempt=attempt, delay_seconds=0)
    [claimed] = yard.claim()

    yard.settle("failed", claimed, attempt=13)

    record = yard.read("j1")
    assert record.attempts == 13
    assert [one.attempt for one in record.history] == [13, 12, 11, 10, 9, 8, 7, 6, 5, 4]


def test_a_retry_clears_the_suspicion(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle("crashed", claimed)
    [suspect] = yard.claim()
    yard.settle("retrying", suspect, delay_seconds=0)

    assert not yard.claim()[0].suspect


def test_a_batch_of_100_ends_as_each_says(yard: Yard) -> None:
    yard.join("w1")
    yard.submit(*(f"j{n:03}" for n in range(100)))
    claimed = yard.claim()
    ended = [build_settlement(KINDS[n % 5], job) for n, job in enumerate(claimed)]

    outcomes = yard.store.run(calls.settle("w1", ended))

    assert outcomes == [Settled.DONE] * 100
    info = yard.info()
    assert (info.succeeded, info.failed, info.scheduled, info.canceled, info.queued) == (20,) * 5
    assert info.running == 0
    verify(yard.client, yard.keys)


def test_an_empty_batch_changes_nothing(yard: Yard) -> None:
    yard.claim_new("j1")
    before = yard.dump()

    assert yard.store.run(calls.settle("w1", [])) == []
    assert yard.dump() == before


def test_one_delivery_twice_in_a_batch_ends_once(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    ended = build_settlement("succeeded", claimed)

    outcomes = yard.store.run(calls.settle("w1", [ended, ended]))

    assert outcomes == [Settled.DONE, Settled.AGAIN]
    assert len(yard.read("j1").history) == 1
    verify(yard.client, yard.keys)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_token_changes_nothing_and_is_counted(yard: Yard, kind: str) -> None:
    [claimed] = yard.claim_new("j1")
    counters = yard.keys.counters("default")
    before = yard.dump(counters)

    outcome = yard.settle(kind, claimed, token="01900000-wrong")

    assert outcome is Settled.STALE
    assert yard.dump(counters) == before
    assert yard.counters()["stale"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_another_worker_cannot_end_it_even_with_the_token(yard: Yard, kind: str) -> None:
    [claimed] = yard.claim_new("j1")
    yard.join("w2")
    counters = yard.keys.counters("default")
    before = yard.dump(counters)

    assert yard.settle(kind, claimed, worker="w2") is Settled.STALE
    assert yard.dump(counters) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_was_reaped_changes_nothing_of_the_next_delivery(
    yard: Yard, kind: str
) -> None:
    [lost] = yard.claim_new("j1")
    yard.expire("w1")
    yard.reap()
    yard.join("w2")
    yard.claim("w2")
    counters = yard.keys.counters("default")
    before = yard.dump(counters)

    assert yard.settle(kind, lost) is Settled.STALE
    assert yard.dump(counters) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_was_reaped_is_refused_while_the_job_waits(yard: Yard, kind: str) -> None:
    [lost] = yard.claim_new("j1")
    yard.expire("w1")
    yard.reap()
    counters = yard.keys.counters("default")
    before = yard.dump(counters)

    assert yard.settle(kind, lost) is Settled.STALE
    assert yard.dump(counters) == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_rqs_own_tools_ended_meanwhile_only_loses_its_hold(yard: Yard, kind: str) -> None:
    [claimed] = yard.claim_new("j1")
    yard.client.hset(yard.keys.job("j1"), "status", "stopped")

    assert yard.settle(kind, claimed) is Settled.STALE

    assert yard.client.hget(yard.keys.job("j1"), "status") == b"stopped"
    assert not yard.client.exists(yard.keys.results("j1"), yard.keys.held("w1"))
    assert yard.client.zcard(yard.keys.registry("wip", "default")) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_vanished_only_loses_its_hold(yard: Yard, kind: str) -> None:
    [claimed] = yard.claim_new("j1")
    yard.client.delete(yard.keys.job("j1"))

    outcome = yard.settle(kind, claimed)

    assert outcome is Settled.VANISHED
    assert not yard.client.exists(yard.keys.job("j1"), yard.keys.results("j1"))
    assert not yard.client.exists(yard.keys.held("w1"))
    assert yard.client.zcard(yard.keys.registry("wip", "default")) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_is_no_hash_harms_no_other(yard: Yard, kind: str) -> None:
    broken, good = yard.claim_new("broken", "good")
    yard.client.set(yard.keys.job("broken"), "not a hash")
    ended = [build_settlement(kind, broken), build_settlement("succeeded", good)]

    outcomes = yard.store.run(calls.settle("w1", ended))

    assert outcomes[1] is Settled.DONE
    assert yard.read("good").state is State.SUCCEEDED
    assert not yard.client.exists(yard.keys.held("w1"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", ["attempts", "crashes", "result_ttl", "failure_ttl"])
def test_a_garbled_number_harms_no_other(yard: Yard, kind: str, field: str) -> None:
    before, *broken, after = yard.claim_new("before", *(f"j{n}" for n in range(8)), "after")
    for job, value in zip(broken, GARBLED, strict=True):
        yard.client.hset(yard.keys.job(job.id), field, value)
    ended = [build_settlement(kind, job) for job in broken]
    neighbours = [build_settlement("succeeded", job) for job in (before, after)]

    outcomes = yard.store.run(calls.settle("w1", [neighbours[0], *ended, neighbours[1]]))

    assert outcomes == [Settled.DONE] * 10
    assert yard.read("before").state is yard.read("after").state is State.SUCCEEDED
    assert not yard.client.exists(yard.keys.held("w1"))
    assert yard.client.zcard(yard.keys.registry("wip", "default")) == 0


def test_a_garbled_count_does_not_stop_a_settlement(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.client.hset(yard.keys.counters("default"), "succeeded", "garbage")

    yard.settle("succeeded", claimed)

    assert yard.read("j1").state is State.SUCCEEDED
    assert yard.info().succeeded == 1


@pytest.mark.parametrize(
    ("kind", "field"),
    [("succeeded", "result_ttl"), ("failed", "failure_ttl"), ("canceled", "failure_ttl")],
)
def test_what_ended_is_kept_as_long_as_was_asked(yard: Yard, kind: str, field: str) -> None:
    overrides: dict[str, Any] = {f"{field}_seconds": 500}
    [claimed] = yard.claim_new("j1", **overrides)

    yard.settle(kind, claimed)

    assert 495 <= yard.client.ttl(yard.keys.job("j1")) <= 500
    assert 495 <= yard.client.ttl(yard.keys.results("j1")) <= 500
    verify(yard.client, yard.keys)


@pytest.mark.parametrize(("kind", "field"), [("succeeded", "result"), ("failed", "failure")])
def test_a_ttl_of_zero_keeps_nothing(yard: Yard, kind: str, field: str) -> None:
    overrides: dict[str, Any] = {f"{field}_ttl_seconds": 0}
    [claimed] = yard.claim_new("j1", **overrides)

    yard.settle(kind, claimed)

    left = [key for key in yard.dump() if "j1" in key]
    assert left == []
    assert yard.info().running == 0
    assert yard.client.zcard(yard.keys.jobs("default")) == 0


def test_a_ttl_of_minus_one_keeps_for_ever(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1", result_ttl_seconds=-1)

    yard.settle("succeeded", claimed)
    yard.prune()

    assert yard.client.ttl(yard.keys.job("j1")) == -1
    assert yard.read("j1").state is State.SUCCEEDED


def test_a_retried_job_keeps_no_ttl_on_what_lives(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle("retrying", claimed)

    assert yard.client.ttl(yard.keys.job("j1")) == -1
    verify(yard.client, yard.keys)


def test_journal_lines_are_left_by_success_once(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    lines = (JournalEntry("notes", "first"), JournalEntry("notes", "zweite äöü"))
    call = calls.settle("w1", [build_settlement("succeeded", claimed, journal=lines)])

    yard.store.run(call)
    yard.store.run(call)

    assert yard.store.run(calls.journal("notes")) == ["first", "zweite äöü"]


def test_journal_lines_of_a_stale_success_are_not_left(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle("succeeded", claimed, token="stale", journal=(JournalEntry("notes", "line"),))

    assert yard.store.run(calls.journal("notes")) == []


def test_large_results_come_back_whole(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    result = b'"' + b"x" * 1_000_000 + b'"'

    yard.settle("succeeded", claimed, result=result)

    assert yard.read("j1").result == "x" * 1_000_000


def test_counts_of_the_worker_are_kept_where_rq_shows_them(yard: Yard) -> None:
    yard.register("w1")
    first, second, third = yard.claim_new("j1", "j2", "j3")
    for kind, claimed in (("succeeded", first), ("succeeded", second), ("failed", third)):
        yard.settle(kind, claimed)

    [worker] = yard.store.run(calls.workers())

    assert (worker.succeeded, worker.failed) == (2, 1)


def test_settling_for_an_unregistered_worker_makes_no_record_of_it(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle("succeeded", claimed)

    assert not yard.client.exists(yard.keys.worker("w1"))


def test_only_keys_of_the_job_and_its_queue_change(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.claim_new("other", queue="low", worker="w2")
    before = yard.dump()

    yard.settle("succeeded", claimed)

    touched = changed(before, yard.dump())
    assert not [key for key in touched if "low" in key or "w2" in key or "other" in key]
