"""cancel: what waits never starts; what runs is told; what ended stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobyard.states import State
from jobyard.store import calls
from jobyard.store.records.job import CancelOutcome
from support.consistency import verify

if TYPE_CHECKING:
    from support.yard import Yard


def test_a_waiting_job_is_gone_from_its_queue(yard: Yard) -> None:
    yard.submit("j1", "j2")

    assert yard.cancel("j1") == (CancelOutcome.CANCELED, State.CANCELED)

    assert yard.waiting() == ["j2"]
    assert yard.read("j1").state is State.CANCELED
    assert yard.read("j1").ended_at is not None
    verify(yard.client, yard.keys)


def test_a_delayed_job_is_gone_from_the_schedule(yard: Yard) -> None:
    yard.submit("j1", delay_seconds=60)

    assert yard.cancel("j1") == (CancelOutcome.CANCELED, State.CANCELED)

    assert yard.promote().next_due_seconds is None
    verify(yard.client, yard.keys)


def test_a_job_between_two_attempts_does_not_run_again(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle("retrying", claimed)

    assert yard.cancel("j1") == (CancelOutcome.CANCELED, State.CANCELED)
    verify(yard.client, yard.keys)


def test_a_running_job_is_flagged(yard: Yard) -> None:
    yard.claim_new("j1")

    assert yard.cancel("j1") == (CancelOutcome.CANCELING, State.CANCELING)

    assert yard.read("j1").state is State.CANCELING
    verify(yard.client, yard.keys)


@pytest.mark.parametrize(
    ("kind", "state"),
    [("succeeded", State.SUCCEEDED), ("failed", State.FAILED), ("canceled", State.CANCELED)],
)
def test_what_ended_is_not_touched(yard: Yard, kind: str, state: State) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle(kind, claimed)
    before = yard.dump()

    assert yard.cancel("j1") == (CancelOutcome.ENDED, state)
    assert yard.dump() == before


def test_an_unknown_job_is_missing(yard: Yard) -> None:
    assert yard.cancel("nobody") == (CancelOutcome.MISSING, None)
    assert yard.dump() == {}


def test_a_record_that_is_no_hash_counts_as_missing(yard: Yard) -> None:
    yard.client.set(yard.keys.job("j1"), "not a hash")
    before = yard.dump()

    assert yard.cancel("j1") == (CancelOutcome.MISSING, None)
    assert yard.dump() == before


def test_a_batch_answers_in_order(yard: Yard) -> None:
    yard.claim_new("running")
    yard.submit("waiting")
    ids = ["waiting", "nobody", "running", "waiting"]

    outcomes = yard.store.run(calls.cancel(ids))

    assert [outcome for outcome, _ in outcomes] == [
        CancelOutcome.CANCELED,
        CancelOutcome.MISSING,
        CancelOutcome.CANCELING,
        CancelOutcome.ENDED,
    ]
    verify(yard.client, yard.keys)


def test_a_batch_of_100(yard: Yard) -> None:
    ids = [f"j{n:03}" for n in range(100)]
    yard.submit(*ids)

    yard.store.run(calls.cancel(ids))

    assert yard.waiting() == []
    assert yard.info().canceled == 100
    verify(yard.client, yard.keys)


def test_no_job_at_all(yard: Yard) -> None:
    assert yard.store.run(calls.cancel([])) == []


def test_a_canceled_job_expires(yard: Yard) -> None:
    yard.submit("j1", failure_ttl_seconds=100)

    yard.cancel("j1")

    assert 95 <= yard.client.ttl(yard.keys.job("j1")) <= 100


def test_a_running_job_that_was_reaped_needs_no_mail(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.expire("w1")
    yard.reap()

    assert yard.cancel("j1") == (CancelOutcome.CANCELED, State.CANCELED)

    assert not yard.client.exists(yard.keys.mail("w1"))
    verify(yard.client, yard.keys)


def test_canceling_again_leaves_one_mark(yard: Yard) -> None:
    yard.claim_new("j1")
    yard.cancel("j1")
    before = yard.dump()

    assert yard.cancel("j1")[0] is CancelOutcome.CANCELING
    assert yard.dump() == before
