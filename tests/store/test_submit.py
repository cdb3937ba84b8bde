"""submit: jobs are stored once, in order, now or later, and nothing is stored half."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from jobyard.errors import StoreDataError
from jobyard.states import State
from jobyard.store import calls
from jobyard.store.records.submission import Idempotency, SubmitStatus, Submitted
from support.builders import build_submission
from support.consistency import verify

if TYPE_CHECKING:
    from support.yard import Yard


def once(key: str = "k", fingerprint: str = "f", scope: str = "t:jobs") -> Idempotency:
    return Idempotency(scope=scope, key=key, fingerprint=fingerprint)


def test_a_job_waits_in_its_queue_with_all_that_was_said(yard: Yard) -> None:
    submission = build_submission(
        id="j1",
        task="mail.send",
        payload=b'{"to":"a@b.c","n":1.5,"deep":[{"x":null}]}',
        retry=b'{"max_retries":2}',
        meta={"traceparent": "00-1"},
        tags=("a", "b"),
        tenant="acme",
        description="greets",
    )

    outcome = yard.store.run(calls.submit([submission]))

    record = yard.read("j1")
    assert outcome == [Submitted("j1", SubmitStatus.CREATED, State.QUEUED)]
    assert yard.waiting() == ["j1"]
    assert record.task == "mail.send"
    assert record.payload == {"to": "a@b.c", "n": 1.5, "deep": [{"x": None}]}
    assert record.state is State.QUEUED
    assert record.retry == {"max_retries": 2}
    assert record.meta == {"traceparent": "00-1"}
    assert record.tags == ("a", "b")
    assert (record.tenant, record.description) == ("acme", "greets")
    assert (record.timeout_seconds, record.result_ttl_seconds) == (180, 3600)
    assert record.failure_ttl_seconds == 604_800
    assert (record.attempts, record.deliveries, record.crashes) == (0, 0, 0)
    verify(yard.client, yard.keys)


def test_times_are_the_servers_to_the_second(yard: Yard) -> None:
    before = yard.now_ms() // 1000 * 1000

    yard.submit("j1")

    record = yard.read("j1")
    assert record.created_at is not None
    assert before <= record.created_at.timestamp() * 1000 <= yard.now_ms()
    assert record.enqueued_at == record.created_at


@pytest.mark.parametrize(
    "moment", ["2024-02-29", "2025-03-01", "2099-12-31", "2100-03-01", "2000-01-01"]
)
def test_any_date_can_be_a_due_time(yard: Yard, moment: str) -> None:
    due = datetime.fromisoformat(f"{moment}T23:59:59.250+00:00")

    yard.submit("j1", run_at=due)

    record = yard.read("j1")
    if due > datetime.now(UTC):
        assert (record.state, record.scheduled_for) == (State.SCHEDULED, due)
    else:
        assert record.state is State.QUEUED


def test_a_batch_of_100_keeps_its_order(yard: Yard) -> None:
    ids = [f"j{number:03}" for number in range(100)]

    outcomes = yard.submit(*ids)

    assert [outcome.id for outcome in outcomes] == ids
    assert yard.waiting() == ids
    verify(yard.client, yard.keys)


def test_one_batch_may_fill_several_queues(yard: Yard) -> None:
    jobs = [build_submission(id=f"j{n}", queue=("high", "low")[n % 2]) for n in range(6)]

    yard.store.run(calls.submit(jobs))

    assert yard.waiting("high") == ["j0", "j2", "j4"]
    assert yard.waiting("low") == ["j1", "j3", "j5"]
    verify(yard.client, yard.keys)


def test_an_empty_batch_changes_nothing(yard: Yard) -> None:
    assert yard.store.run(calls.submit([])) == []
    assert yard.dump() == {}


def test_the_same_call_twice_stores_one_job(yard: Yard) -> None:
    call = calls.submit([build_submission(id="j1"), build_submission(id="j2", delay_seconds=60)])
    yard.store.run(call)
    before = yard.dump()

    again = yard.store.run(call)

    assert [outcome.status for outcome in again] == [SubmitStatus.EXISTS] * 2
    assert [outcome.state for outcome in again] == [State.QUEUED, State.SCHEDULED]
    assert yard.dump() == before


def test_an_id_twice_in_one_batch_is_one_job(yard: Yard) -> None:
    outcomes = yard.submit("j1", "j1")

    assert [outcome.status for outcome in outcomes] == [SubmitStatus.CREATED, SubmitStatus.EXISTS]
    assert yard.waiting() == ["j1"]


@pytest.mark.parametrize("kind", ["succeeded", "failed", "canceled", "retrying"])
def test_an_id_that_ran_already_is_not_run_again(yard: Yard, kind: str) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle(kind, claimed)
    before = yard.dump()

    [outcome] = yard.submit("j1")

    assert outcome.status is SubmitStatus.EXISTS
    assert yard.dump() == before


def test_a_delayed_job_is_scheduled_and_not_in_the_queue(yard: Yard) -> None:
    now = datetime.now(UTC)

    [outcome] = yard.submit("j1", delay_seconds=60.0)

    record = yard.read("j1")
    assert outcome.state is record.state is State.SCHEDULED
    assert yard.waiting() == []
    assert record.scheduled_for is not None
    assert abs(record.scheduled_for - now - timedelta(seconds=60)) < timedelta(seconds=5)
    verify(yard.client, yard.keys)


@pytest.mark.parametrize(
    "overrides", [{"delay_seconds": 0}, {"run_at": datetime(2020, 1, 1, tzinfo=UTC)}]
)
def test_a_due_time_that_has_passed_means_now(yard: Yard, overrides: dict[str, object]) -> None:
    [outcome] = yard.submit("j1", **overrides)

    assert outcome.state is State.QUEUED
    assert yard.waiting() == ["j1"]


def test_a_submission_rings_the_bell_but_never_without_bound(yard: Yard) -> None:
    for batch in range(3):
        yard.submit(*(f"j{batch}-{n}" for n in range(100)))

    assert 1 <= yard.client.llen(yard.keys.bell("default")) <= 100
    assert yard.store.listen(["default"], 0.05)


def test_listening_to_a_silent_queue_ends(yard: Yard) -> None:
    assert not yard.store.listen(["default"], 0.05)


def test_one_idempotency_key_stores_one_job(yard: Yard) -> None:
    yard.submit("j1", idempotency=once())
    before = yard.dump()

    [replayed] = yard.submit("j2", idempotency=once())

    assert replayed == Submitted("j1", SubmitStatus.REPLAYED, State.QUEUED)
    assert yard.dump() == before


def test_a_replay_tells_the_state_of_today(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1", idempotency=once())
    yard.settle("succeeded", claimed)

    [replayed] = yard.submit("j2", idempotency=once())

    assert replayed == Submitted("j1", SubmitStatus.REPLAYED, State.SUCCEEDED)


def test_an_idempotency_key_for_another_request_is_refused(yard: Yard) -> None:
    yard.submit("j1", idempotency=once())
    before = yard.dump()

    [conflict] = yard.submit("j2", idempotency=once(fingerprint="other"))

    assert conflict.status is SubmitStatus.CONFLICT
    assert yard.dump() == before


def test_idempotency_keys_of_two_scopes_are_apart(yard: Yard) -> None:
    yard.submit("j1", idempotency=once(scope="a"))

    [outcome] = yard.submit("j2", idempotency=once(scope="b"))

    assert outcome.status is SubmitStatus.CREATED


def test_an_idempotency_record_expires(yard: Yard) -> None:
    yard.submit("j1", idempotency=Idempotency("t:jobs", "k", "f", ttl_seconds=600))

    ttl = yard.client.ttl(yard.keys.idempotency("t:jobs", "k"))

    assert 590 <= ttl <= 600


def test_one_key_twice_in_a_batch_is_one_job(yard: Yard) -> None:
    jobs = [build_submission(id=job_id, idempotency=once()) for job_id in ("j1", "j2")]

    outcomes = yard.store.run(calls.submit(jobs))

    assert [(outcome.id, outcome.status) for outcome in outcomes] == [
        ("j1", SubmitStatus.CREATED),
        ("j1", SubmitStatus.REPLAYED),
    ]


def test_a_foreign_key_in_the_last_of_a_batch_stores_none_of_it(yard: Yard) -> None:
    yard.client.set(yard.keys.queue("broken"), "foreign")
    before = yard.dump()
    jobs = [build_submission(queue="default"), build_submission(queue="broken")]

    with pytest.raises(StoreDataError, match="broken"):
        yard.store.run(calls.submit(jobs))

    assert yard.dump() == before
