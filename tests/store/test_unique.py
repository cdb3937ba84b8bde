"""Unique keys: one job holds a key, from its submission until it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.ids import new_id
from jobyard.states import State
from jobyard.store import calls, move_calls
from jobyard.store.records.job import MoveOutcome
from jobyard.store.records.submission import (
    Idempotency,
    OnConflict,
    SubmitStatus,
    Submitted,
    Unique,
)
from support.builders import build_submission
from support.consistency import verify
from support.racing import race

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.settings import Settings
    from jobyard.store import Store
    from support.yard import Yard


def submit(yard: Yard, job_id: str, on_conflict: str = "reject", **options: Any) -> Submitted:
    """A job with the unique key ``k``."""
    job = build_submission(id=job_id, unique=Unique("k", OnConflict(on_conflict)), **options)
    return yard.store.run(calls.submit([job]))[0]


def is_free(yard: Yard, tenant: str = "") -> bool:
    """Whether a new job gets the key."""
    return submit(yard, "another", tenant=tenant).status is SubmitStatus.CREATED


def test_a_second_job_with_the_key_is_rejected_and_the_first_is_named(yard: Yard) -> None:
    submit(yard, "j1")
    before = yard.dump()

    assert submit(yard, "j2") == Submitted("j1", SubmitStatus.TAKEN, State.QUEUED)
    assert yard.dump() == before


def test_the_existing_job_stands_for_the_second_one(yard: Yard) -> None:
    submit(yard, "j1", delay_seconds=60.0)

    outcome = submit(yard, "j2", "existing")

    assert outcome == Submitted("j1", SubmitStatus.EXISTING, State.SCHEDULED)
    assert yard.store.run(calls.read("j2")) is None


@pytest.mark.parametrize("delay", [None, 60.0])
def test_a_job_that_waits_is_replaced(yard: Yard, delay: float | None) -> None:
    submit(yard, "j1", delay_seconds=delay)

    assert submit(yard, "j2", "replace").status is SubmitStatus.CREATED

    assert (yard.read("j1").state, yard.read("j2").state) == (State.CANCELED, State.QUEUED)
    assert yard.waiting() == ["j2"]
    assert submit(yard, "j3") == Submitted("j2", SubmitStatus.TAKEN, State.QUEUED)
    verify(yard.client, yard.keys)


def test_a_job_of_the_same_call_is_replaced_whole(yard: Yard) -> None:
    key = Unique("k", OnConflict.REPLACE)
    jobs = [build_submission(id=f"j{number}", unique=key) for number in range(3)]

    outcomes = yard.store.run(calls.submit(jobs))

    assert [outcome.status for outcome in outcomes] == [SubmitStatus.CREATED] * 3
    assert yard.waiting() == ["j2"]
    verify(yard.client, yard.keys)


def test_a_job_that_runs_is_not_replaced(yard: Yard) -> None:
    submit(yard, "j1")
    yard.join("w1")
    yard.claim()

    assert submit(yard, "j2", "replace") == Submitted("j1", SubmitStatus.TAKEN, State.RUNNING)


def test_a_job_with_the_key_is_stored_once_however_often_it_is_sent(yard: Yard) -> None:
    for on_conflict in OnConflict:
        job = build_submission(id=on_conflict, unique=Unique(on_conflict, on_conflict))
        call = calls.submit([job])
        yard.store.run(call)
        before = yard.dump()

        assert yard.store.run(call)[0].status is SubmitStatus.EXISTS
        assert yard.dump() == before


def test_tenants_do_not_share_keys(yard: Yard) -> None:
    submit(yard, "j1", tenant="acme")

    assert is_free(yard, "other")
    assert submit(yard, "j2", tenant="acme").status is SubmitStatus.TAKEN


@pytest.mark.parametrize("kind", ["succeeded", "failed", "canceled"])
def test_the_end_of_its_job_frees_the_key(yard: Yard, kind: str) -> None:
    submit(yard, "j1", tenant="acme")
    yard.join("w1")
    [claimed] = yard.claim()

    yard.settle(kind, claimed)

    assert not yard.client.exists(yard.keys.unique("acme"))
    assert is_free(yard, "acme")


@pytest.mark.parametrize("kind", ["retrying", "crashed"])
def test_a_job_that_runs_again_keeps_its_key(yard: Yard, kind: str) -> None:
    submit(yard, "j1")
    yard.join("w1")
    [claimed] = yard.claim()

    yard.settle(kind, claimed)

    assert not is_free(yard)


def canceled(yard: Yard) -> None:
    submit(yard, "j1")
    yard.cancel("j1")


def expired(yard: Yard) -> None:
    submit(yard, "j1", expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    yard.join("w1")
    assert yard.claim() == []


def released_too_often(yard: Yard) -> None:
    submit(yard, "j1")
    yard.join("w1")
    for _ in range(11):
        yard.release(*yard.claim())


def crashed_too_often(yard: Yard) -> None:
    submit(yard, "j1")
    yard.join("w1")
    [claimed] = yard.claim()
    yard.settle("crashed", claimed, budget=1)


def not_kept(yard: Yard) -> None:
    submit(yard, "j1", result_ttl_seconds=0)
    yard.join("w1")
    [claimed] = yard.claim()
    yard.settle("succeeded", claimed)


def reaped_canceling(yard: Yard) -> None:
    submit(yard, "j1")
    yard.join("w1")
    yard.claim()
    yard.cancel("j1")
    yard.expire("w1")
    yard.reap()


@pytest.mark.parametrize(
    "end",
    [canceled, expired, released_too_often, crashed_too_often, not_kept, reaped_canceling],
    ids=lambda end: end.__name__,
)
def test_every_other_end_frees_the_key_too(yard: Yard, end: Callable[[Yard], None]) -> None:
    end(yard)

    assert not yard.client.exists(yard.keys.unique(""))
    assert is_free(yard)


def test_the_key_of_a_job_that_vanished_is_free(yard: Yard) -> None:
    submit(yard, "j1")
    yard.client.delete(yard.keys.job("j1"))

    assert is_free(yard)


def test_the_key_of_a_job_that_rq_canceled_is_free(yard: Yard) -> None:
    submit(yard, "j1")
    yard.client.hset(yard.keys.job("j1"), "status", "canceled")

    assert is_free(yard)


def test_a_later_holder_is_not_robbed_by_the_end_of_an_earlier_one(yard: Yard) -> None:
    submit(yard, "j1")
    yard.join("w1")
    [claimed] = yard.claim()
    yard.client.hdel(yard.keys.unique(""), "k")
    submit(yard, "j2")

    yard.settle("succeeded", claimed)

    assert submit(yard, "j3") == Submitted("j2", SubmitStatus.TAKEN, State.QUEUED)


def test_keys_of_jobs_that_are_gone_are_tidied_away(yard: Yard) -> None:
    submit(yard, "gone")
    yard.store.run(calls.submit([build_submission(id="kept", unique=Unique("other"))]))
    yard.client.delete(yard.keys.job("gone"))

    yard.store.run(calls.tidy())

    assert yard.client.hgetall(yard.keys.unique("")) == {b"other": b"kept"}


def test_an_idempotency_key_remembers_the_job_that_stood_for_it(yard: Yard) -> None:
    submit(yard, "j1")
    once = Idempotency("-:jobs", "key", "f")
    submit(yard, "j2", "existing", idempotency=once)
    yard.cancel("j1")

    again = submit(yard, "j3", "existing", idempotency=once)

    assert (again.id, again.status) == ("j1", SubmitStatus.REPLAYED)


def test_an_idempotency_key_forgets_what_was_rejected(yard: Yard) -> None:
    submit(yard, "j1")
    once = Idempotency("-:jobs", "key", "f")
    submit(yard, "j2", idempotency=once)
    yard.cancel("j1")

    assert submit(yard, "j2", idempotency=once).status is SubmitStatus.CREATED


def test_of_many_at_once_one_gets_the_key(yard: Yard, settings: Settings) -> None:
    def runner(name: str) -> Callable[[Store], list[SubmitStatus]]:
        def run(store: Store) -> list[SubmitStatus]:
            jobs = [build_submission(id=f"{name}{n}", unique=Unique("k")) for n in range(20)]
            return [store.run(calls.submit([job]))[0].status for job in jobs]

        return run

    found = race(settings, *(runner(name) for name in "abcdef"))

    statuses = [status for statuses in found for status in statuses]
    assert statuses.count(SubmitStatus.CREATED) == 1
    assert statuses.count(SubmitStatus.TAKEN) == len(statuses) - 1
    verify(yard.client, yard.keys)


def test_of_many_replacements_at_once_one_job_is_left(yard: Yard, settings: Settings) -> None:
    def runner(name: str) -> Callable[[Store], None]:
        def run(store: Store) -> None:
            for number in range(20):
                key = Unique("k", OnConflict.REPLACE)
                store.run(calls.submit([build_submission(id=f"{name}{number}", unique=key)]))

        return run

    race(settings, *(runner(name) for name in "abcd"))

    assert len(yard.waiting()) == 1
    verify(yard.client, yard.keys)


@pytest.mark.parametrize("tenant", ["", "acme"])
def test_a_job_that_is_tried_again_takes_its_key_anew(yard: Yard, tenant: str) -> None:
    submit(yard, "j1", tenant=tenant)
    yard.join("w1")
    [claimed] = yard.claim()
    yard.settle("failed", claimed)

    outcomes = yard.store.run(move_calls.retry(["j1"], new_id()))

    assert outcomes == [MoveOutcome.DONE]
    assert submit(yard, "j2", tenant=tenant) == Submitted("j1", SubmitStatus.TAKEN, State.QUEUED)


def test_a_key_that_a_vanished_job_had_does_not_stop_another_try(yard: Yard) -> None:
    submit(yard, "j1")
    yard.cancel("j1")
    submit(yard, "j2")
    yard.client.delete(yard.keys.job("j2"))

    assert yard.store.run(move_calls.retry(["j1"], new_id())) == [MoveOutcome.DONE]


def test_a_job_whose_key_another_one_has_is_not_tried_again(yard: Yard) -> None:
    submit(yard, "j1")
    yard.cancel("j1")
    submit(yard, "j2")
    before = yard.dump()

    assert yard.store.run(move_calls.retry(["j1"], new_id())) == [MoveOutcome.TAKEN]
    assert yard.dump() == before
