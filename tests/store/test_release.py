"""release: what a stopping worker gives back runs again first, unspent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.ids import new_id
from jobyard.states import State
from jobyard.store import calls
from jobyard.store.records.delivery import Settled
from support.consistency import verify

if TYPE_CHECKING:
    from support.yard import Yard


def test_released_jobs_are_at_the_head_in_their_old_order(yard: Yard) -> None:
    claimed = yard.claim_new("j1", "j2", "j3")
    yard.submit("j4")

    assert yard.release(*claimed) == [Settled.DONE] * 3

    assert yard.waiting() == ["j1", "j2", "j3", "j4"]
    verify(yard.client, yard.keys)


def test_a_release_spends_neither_attempt_nor_crash(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    yard.release(claimed)

    record = yard.read("j1")
    assert (record.state, record.attempts, record.crashes) == (State.QUEUED, 0, 0)
    assert record.worker == ""
    assert not yard.claim()[0].suspect


def test_jobs_go_back_to_the_queue_they_came_from(yard: Yard) -> None:
    yard.submit("high", queue="high")
    yard.submit("low", queue="low")
    yard.join("w1")
    claimed = yard.claim(queues=("high", "low"))

    yard.release(*claimed)

    assert (yard.waiting("high"), yard.waiting("low")) == (["high"], ["low"])
    verify(yard.client, yard.keys)


def test_a_batch_of_100_goes_back_in_order(yard: Yard) -> None:
    ids = [f"j{n:03}" for n in range(100)]
    claimed = yard.claim_new(*ids)

    yard.release(*claimed)

    assert yard.waiting() == ids
    verify(yard.client, yard.keys)


def test_after_ten_releases_it_is_a_dead_letter_that_says_why(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    for _ in range(10):
        yard.release(claimed)
        [claimed] = yard.claim()

    yard.release(claimed)

    record = yard.read("j1")
    assert record.state is State.FAILED
    assert record.error is not None
    assert "JOBYARD_GRACE_SECONDS" in record.error.message
    verify(yard.client, yard.keys)


def test_a_job_that_never_started_is_given_back_as_often_as_it_takes(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    for _ in range(15):
        yard.release(claimed, started=False)
        [claimed] = yard.claim()

    yard.release(claimed)

    assert yard.waiting() == ["j1"]
    verify(yard.client, yard.keys)


def test_a_released_job_that_was_asked_to_cancel_is_canceled(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.cancel("j1")

    yard.release(claimed)

    assert yard.read("j1").state is State.CANCELED
    assert yard.waiting() == []
    verify(yard.client, yard.keys)


def test_a_wrong_token_changes_nothing(yard: Yard) -> None:
    yard.claim_new("j1")
    counters = yard.keys.counters("default")
    before = yard.dump(counters)

    outcomes = yard.store.run(calls.release("w1", [("j1", new_id()), ("unknown", new_id())]))

    assert outcomes == [Settled.STALE, Settled.VANISHED]
    assert yard.dump(counters) == before


def test_another_worker_cannot_give_it_back(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    before = yard.dump()

    assert yard.release(claimed, worker="w2") == [Settled.STALE]
    assert yard.dump() == before


def test_a_record_that_vanished_only_loses_its_hold(yard: Yard) -> None:
    gone, kept = yard.claim_new("gone", "kept")
    yard.client.delete(yard.keys.job("gone"))

    assert yard.release(gone, kept) == [Settled.VANISHED, Settled.DONE]

    assert yard.waiting() == ["kept"]
    assert not yard.client.exists(yard.keys.held("w1"))


def test_a_record_that_is_no_hash_harms_no_other(yard: Yard) -> None:
    broken, good = yard.claim_new("broken", "good")
    yard.client.set(yard.keys.job("broken"), "not a hash")

    yard.release(broken, good)

    assert yard.waiting() == ["good"]
    assert not yard.client.exists(yard.keys.held("w1"))


def test_a_garbled_count_of_releases_starts_anew(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.client.hset(yard.keys.job("j1"), "releases", "garbage")

    yard.release(claimed)

    assert yard.waiting() == ["j1"]
    verify(yard.client, yard.keys)


def test_an_empty_release_changes_nothing(yard: Yard) -> None:
    yard.claim_new("j1")
    before = yard.dump()

    assert yard.release() == []
    assert yard.dump() == before


def test_an_idle_worker_is_woken(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.client.delete(yard.keys.bell("default"))

    yard.release(claimed)

    assert yard.store.listen(["default"], 0.05)
