"""retry, reschedule, delete: what a person asks for, in every state that a job can be in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.ids import new_id
from jobyard.states import State
from jobyard.store import move_calls
from jobyard.store.records.delivery import Settled
from jobyard.store.records.job import MoveOutcome
from jobyard.store.records.submission import SubmitStatus, Unique
from support.consistency import verify

if TYPE_CHECKING:
    from support.yard import Yard

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def retry(yard: Yard, job_id: str, nonce: str = "", owner: str | None = None) -> MoveOutcome:
    return yard.store.run(move_calls.retry([job_id], nonce or new_id(), owner))[0]


def reschedule(yard: Yard, job_id: str, nonce: str = "", **due: Any) -> MoveOutcome:
    return yard.store.run(move_calls.reschedule([job_id], nonce or new_id(), **due))[0]


def delete(yard: Yard, job_id: str, owner: str | None = None) -> MoveOutcome:
    return yard.store.run(move_calls.delete([job_id], owner))[0]


def bring_into(yard: Yard, state: str, job_id: str = "j1") -> None:
    """A job in this state."""
    match state:
        case "queued":
            yard.submit(job_id)
        case "scheduled":
            yard.submit(job_id, delay_seconds=60.0)
        case "expired":
            yard.submit(job_id, expires_at=LONG_AGO)
            yard.join("w1")
            yard.claim()
        case "canceled":
            yard.submit(job_id)
            yard.cancel(job_id)
        case "blocked":
            yard.submit(job_id)
            yard.client.delete(yard.keys.queue("default"))
            yard.client.hset(yard.keys.job(job_id), "status", "deferred")
            yard.client.zadd(yard.keys.registry("deferred", "default"), {job_id: 1})
        case _:
            [claimed] = yard.claim_new(job_id)
            if state == "canceling":
                yard.cancel(job_id)
            elif state != "running":
                yard.settle(state, claimed)
    assert yard.read(job_id).state == state


# ---------------------------------------------------------------- retry


@pytest.mark.parametrize("state", ["failed", "canceled"])
def test_a_job_that_failed_or_was_canceled_is_queued_anew(yard: Yard, state: str) -> None:
    bring_into(yard, state)

    assert retry(yard, "j1") is MoveOutcome.DONE

    job = yard.read("j1")
    assert (job.state, job.attempts, job.ended_at) == (State.QUEUED, 0, None)
    assert yard.waiting() == ["j1"]
    verify(yard.client, yard.keys)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("queued", MoveOutcome.WAITING),
        ("scheduled", MoveOutcome.WAITING),
        ("retrying", MoveOutcome.WAITING),
        ("blocked", MoveOutcome.WAITING),
        ("running", MoveOutcome.RUNNING),
        ("canceling", MoveOutcome.RUNNING),
        ("succeeded", MoveOutcome.ENDED),
        ("expired", MoveOutcome.ENDED),
    ],
)
def test_any_other_job_is_not_queued_anew(yard: Yard, state: str, outcome: MoveOutcome) -> None:
    bring_into(yard, state)
    before = yard.dump()

    assert retry(yard, "j1") is outcome
    assert yard.dump() == before


def test_a_job_whose_time_is_past_is_not_queued_anew(yard: Yard) -> None:
    bring_into(yard, "failed")
    yard.client.hset(yard.keys.job("j1"), "expires_at", 1)

    assert retry(yard, "j1") is MoveOutcome.ENDED


def test_the_attempts_begin_again_and_the_history_stays(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle("retrying", claimed, delay_seconds=0)
    [claimed] = yard.claim()
    yard.settle("failed", claimed, attempt=2)
    retry(yard, "j1")

    [claimed] = yard.claim()
    yard.settle("succeeded", claimed)

    job = yard.read("j1")
    assert claimed.attempts == 0
    assert (job.state, job.attempts, job.deliveries) == (State.SUCCEEDED, 1, 3)
    assert [one.outcome for one in job.history] == ["succeeded", "failed", "retried"]
    assert [one.attempt for one in job.history] == [1, 2, 1]
    verify(yard.client, yard.keys)


def test_a_job_that_used_up_its_crash_budget_gets_a_new_one(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle("crashed", claimed, budget=1)

    assert retry(yard, "j1") is MoveOutcome.DONE

    assert yard.read("j1").crashes == 0


def test_a_copy_of_a_retry_does_nothing_also_when_the_job_has_failed_again(yard: Yard) -> None:
    bring_into(yard, "failed")
    retry(yard, "j1", "first")
    yard.settle("failed", yard.claim()[0])
    retry(yard, "j1", "second")
    yard.settle("failed", yard.claim()[0])
    before = yard.dump()

    assert [retry(yard, "j1", nonce) for nonce in ("first", "second")] == [MoveOutcome.DONE] * 2
    assert yard.dump() == before


def test_a_late_settlement_of_the_run_before_changes_nothing(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle("failed", claimed)
    retry(yard, "j1")

    assert yard.settle("succeeded", claimed) is Settled.AGAIN
    assert yard.waiting() == ["j1"]
    verify(yard.client, yard.keys)


def test_a_job_takes_its_unique_key_again(yard: Yard) -> None:
    unique = Unique("k")
    yard.settle("failed", yard.claim_new("j1", tenant="acme", unique=unique)[0])

    assert retry(yard, "j1") is MoveOutcome.DONE

    [second] = yard.submit("j2", tenant="acme", unique=unique)
    assert second.status is SubmitStatus.TAKEN
    verify(yard.client, yard.keys)


def test_a_job_whose_unique_key_another_has_by_now_stays_as_it_is(yard: Yard) -> None:
    unique = Unique("k")
    yard.settle("failed", yard.claim_new("j1", tenant="acme", unique=unique)[0])
    yard.submit("j2", tenant="acme", unique=unique)
    before = yard.dump()

    assert retry(yard, "j1") is MoveOutcome.TAKEN
    assert yard.dump() == before


def test_a_job_that_is_queued_anew_counts_among_those_that_wait(yard: Yard) -> None:
    yard.settle("failed", yard.claim_new("j1", tenant="acme", waiting_limit=1)[0])

    retry(yard, "j1")

    [second] = yard.submit("j2", tenant="acme", waiting_limit=1)
    assert second.status is SubmitStatus.QUOTA
    yard.claim()
    [third] = yard.submit("j3", tenant="acme", waiting_limit=1)
    assert third.status is SubmitStatus.CREATED


# ---------------------------------------------------------------- reschedule


@pytest.mark.parametrize(
    ("state", "then"),
    [("queued", "scheduled"), ("scheduled", "scheduled"), ("retrying", "retrying")],
)
def test_a_job_that_waits_gets_another_time(yard: Yard, state: str, then: str) -> None:
    bring_into(yard, state)
    moment = datetime(2040, 1, 1, tzinfo=UTC)

    assert reschedule(yard, "j1", run_at=moment) is MoveOutcome.DONE

    job = yard.read("j1")
    assert (job.state, job.scheduled_for) == (then, moment)
    assert yard.waiting() == []
    verify(yard.client, yard.keys)


@pytest.mark.parametrize("state", ["queued", "scheduled", "retrying"])
@pytest.mark.parametrize("due", [{"run_at": LONG_AGO}, {"delay_seconds": 0.0}], ids=str)
def test_a_time_that_is_past_means_at_once(yard: Yard, state: str, due: dict[str, Any]) -> None:
    bring_into(yard, state)

    assert reschedule(yard, "j1", **due) is MoveOutcome.DONE

    assert yard.read("j1").state is State.QUEUED
    assert yard.waiting() == ["j1"]
    verify(yard.client, yard.keys)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("running", MoveOutcome.RUNNING),
        ("canceling", MoveOutcome.RUNNING),
        ("blocked", MoveOutcome.WAITING),
        ("succeeded", MoveOutcome.ENDED),
        ("failed", MoveOutcome.ENDED),
        ("canceled", MoveOutcome.ENDED),
        ("expired", MoveOutcome.ENDED),
    ],
)
def test_any_other_job_keeps_its_time(yard: Yard, state: str, outcome: MoveOutcome) -> None:
    bring_into(yard, state)
    before = yard.dump()

    assert reschedule(yard, "j1", delay_seconds=5.0) is outcome
    assert yard.dump() == before


def test_a_copy_of_a_rescheduling_does_not_take_a_job_out_of_its_queue(yard: Yard) -> None:
    bring_into(yard, "queued")
    reschedule(yard, "j1", "nonce", delay_seconds=60.0)
    yard.make_due("j1")
    yard.promote()
    before = yard.dump()

    assert reschedule(yard, "j1", "nonce", delay_seconds=60.0) is MoveOutcome.DONE
    assert yard.dump() == before


# ---------------------------------------------------------------- delete


@pytest.mark.parametrize(
    "state", ["queued", "scheduled", "retrying", "succeeded", "failed", "canceled", "expired"]
)
def test_of_a_job_that_does_not_run_nothing_is_left(yard: Yard, state: str) -> None:
    bring_into(yard, state)

    assert delete(yard, "j1") is MoveOutcome.DONE

    left = {name for name, value in yard.dump().items() if "j1" in repr(value) or "j1" in name}
    assert left <= {yard.keys.events("default"), yard.keys.hand("w1")}
    assert delete(yard, "j1") is MoveOutcome.MISSING
    verify(yard.client, yard.keys)


def test_a_tenants_list_does_not_name_what_is_deleted(yard: Yard) -> None:
    yard.submit("j1", tenant="acme")

    delete(yard, "j1")

    assert not yard.client.exists(yard.keys.yard("tenant", "acme"))


@pytest.mark.parametrize("state", ["running", "canceling"])
def test_a_job_that_runs_is_not_deleted(yard: Yard, state: str) -> None:
    bring_into(yard, state)
    before = yard.dump()

    assert delete(yard, "j1") is MoveOutcome.RUNNING
    assert yard.dump() == before


def test_the_worker_that_runs_another_job_of_the_queue_is_not_disturbed(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.submit("j2", "j3")
    delete(yard, "j2")

    assert yard.settle("succeeded", claimed) is Settled.DONE
    assert [job.id for job in yard.claim()] == ["j3"]
    verify(yard.client, yard.keys)


@pytest.mark.parametrize("state", ["queued", "failed", "canceled"])
def test_who_waits_for_a_job_that_is_deleted_is_canceled(yard: Yard, state: str) -> None:
    bring_into(yard, "blocked", "child")
    bring_into(yard, state)
    yard.client.sadd(f"{yard.keys.job('j1')}:dependents", "child")

    assert delete(yard, "j1") is MoveOutcome.DONE

    assert yard.read("child").state is State.CANCELED
    assert not yard.client.exists(f"{yard.keys.job('j1')}:dependents")


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("move", [retry, delete], ids=["retry", "delete"])
def test_another_tenants_job_is_missing(yard: Yard, move: Any) -> None:
    [claimed] = yard.claim_new("j1", tenant="acme")
    yard.settle("failed", claimed)
    before = yard.dump()

    assert move(yard, "j1", owner="other") is MoveOutcome.MISSING
    assert yard.dump() == before
    assert move(yard, "j1", owner="acme") is MoveOutcome.DONE


def test_another_tenants_job_cannot_be_rescheduled(yard: Yard) -> None:
    yard.submit("j1", tenant="acme")

    assert reschedule(yard, "j1", owner="other", delay_seconds=60.0) is MoveOutcome.MISSING
    assert reschedule(yard, "j1", owner="acme", delay_seconds=60.0) is MoveOutcome.DONE


@pytest.mark.parametrize("move", [retry, reschedule, delete], ids=["retry", "reschedule", "delete"])
def test_what_is_no_job_is_missing(yard: Yard, move: Any) -> None:
    yard.client.set(yard.keys.job("j1"), "not a hash")
    before = yard.dump()

    assert [move(yard, job_id) for job_id in ("j1", "nobody")] == [MoveOutcome.MISSING] * 2
    assert yard.dump() == before


def test_a_batch_of_100(yard: Yard) -> None:
    ids = [f"j{n:03}" for n in range(100)]
    yard.submit(*ids)

    later = yard.store.run(move_calls.reschedule(ids, "a", delay_seconds=60.0))
    now = yard.store.run(move_calls.reschedule(ids, "b", delay_seconds=0.0))

    assert set(later) == set(now) == {MoveOutcome.DONE}
    assert yard.waiting() == ids
    deleted = yard.store.run(move_calls.delete(ids))
    assert set(deleted) == {MoveOutcome.DONE}
    verify(yard.client, yard.keys)


def test_a_retried_job_is_only_linked_to_the_trace_that_first_asked_for_it(yard: Yard) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    yard.submit("j1", trace=trace)
    yard.join("w1")

    for _ in range(2):
        [claimed] = yard.claim()
        assert claimed.trace.decode() == trace
        yard.settle("failed", claimed)
        retry(yard, "j1")
        trace = trace.removesuffix(";link") + ";link"
