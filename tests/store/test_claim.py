"""claim: waiting jobs become a worker's own, in order, each once; nothing unreadable stops it."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from jobyard.states import State
from jobyard.store import calls
from jobyard.store.data import PERFORM, decode_data
from support.builders import build_nonce
from support.consistency import verify

if TYPE_CHECKING:
    from support.yard import Yard

MEGABYTE = 1024 * 1024
GARBLED = (b"garbage", b"", b"\xff\xfe", b"1.5", b"1e999", b"nan", b"-7", b"9" * 30)


def test_a_claimed_job_is_running_and_held(yard: Yard) -> None:
    yard.submit("j1", payload=b'{"a":1}', retry=b'{"max_retries":3}', meta={"m": 1})
    yard.join("w1")

    [claimed] = yard.claim()

    record = yard.read("j1")
    assert (claimed.id, claimed.queue) == ("j1", "default")
    assert decode_data(claimed.data).payload == {"a": 1}
    assert json.loads(claimed.retry) == {"max_retries": 3}
    assert json.loads(claimed.meta) == {"m": 1}
    assert (claimed.timeout_seconds, claimed.task) == (180, "noop")
    assert (claimed.attempts, claimed.deliveries, claimed.suspect) == (0, 1, False)
    assert record.enqueued_at is not None
    assert datetime.fromisoformat(claimed.enqueued_at.decode()) == record.enqueued_at
    assert 0 <= claimed.wait_seconds <= claimed.age_seconds + 0.001 < 60
    assert (record.state, record.worker, record.deliveries) == (State.RUNNING, "w1", 1)
    assert record.started_at is not None
    assert yard.waiting() == []
    verify(yard.client, yard.keys)


def test_rq_sees_it_as_executing_for_a_day(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    score = yard.client.zscore(yard.keys.registry("wip", "default"), f"j1:{claimed.token}")

    assert score is not None
    assert abs(score - yard.now_ms() / 1000 - 86_400) < 5


def test_an_empty_queue_gives_nothing_and_changes_nothing(yard: Yard) -> None:
    yard.join("w1")
    yard.claim()
    before = without_nonces(yard)

    assert yard.claim(queues=("default", "low", "never-seen")) == []
    assert without_nonces(yard) == before


def without_nonces(yard: Yard) -> dict[str, Any]:
    """All but what the store keeps of the worker's last claim."""
    about = yard.keys.yard("worker", "w1")
    return {key: value for key, value in yard.dump().items() if key != about}


def test_queues_are_emptied_strictly_in_order(yard: Yard) -> None:
    for queue in ("low", "default", "high"):
        yard.submit(*(f"{queue}{n}" for n in range(3)), queue=queue)
    yard.join("w1")
    order = ("high", "default", "low")

    first, second = yard.claim(queues=order, limit=4), yard.claim(queues=order, limit=100)

    assert [job.id for job in first] == ["high0", "high1", "high2", "default0"]
    assert [job.id for job in second] == ["default1", "default2", "low0", "low1", "low2"]
    verify(yard.client, yard.keys)


def test_only_named_queues_are_touched(yard: Yard) -> None:
    yard.submit("j1", queue="low")
    yard.join("w1")

    assert yard.claim(queues=("default",)) == []
    assert yard.waiting("low") == ["j1"]


@pytest.mark.parametrize("limit", [1, 99, 100])
def test_at_most_the_limit_is_claimed_in_submission_order(yard: Yard, limit: int) -> None:
    ids = [f"j{n:03}" for n in range(100)]
    yard.submit(*ids)
    yard.join("w1")

    claimed = yard.claim(limit=limit)

    assert [job.id for job in claimed] == ids[:limit]
    assert len({job.token for job in claimed}) == limit
    assert yard.waiting() == ids[limit:]
    verify(yard.client, yard.keys)


@pytest.mark.parametrize("limit", [0, 101, 1000])
def test_a_limit_outside_the_batch_is_cut_to_it(yard: Yard, limit: int) -> None:
    for batch in range(2):
        yard.submit(*(f"j{batch}-{n}" for n in range(100)))
    yard.join("w1")

    assert len(yard.claim(limit=limit)) == min(limit, 100)
    verify(yard.client, yard.keys)


def test_the_same_nonce_brings_the_same_jobs_and_no_more(yard: Yard) -> None:
    yard.submit("j1", "j2", "j3")
    yard.join("w1")
    nonce = build_nonce()
    first = yard.claim(limit=2, nonce=nonce)
    before = yard.dump()

    again = yard.claim(limit=2, nonce=nonce)

    assert again == first
    assert yard.dump() == before


def test_the_same_nonce_leaves_out_what_has_ended_meanwhile(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.join("w1")
    nonce = build_nonce()
    first = yard.claim(nonce=nonce)
    yard.settle("succeeded", first[0])

    assert yard.claim(nonce=nonce) == first[1:]


def test_the_same_nonce_leaves_out_what_another_worker_has_now(yard: Yard) -> None:
    yard.submit("j1")
    yard.join("w1", "w2")
    nonce = build_nonce()
    [claimed] = yard.claim("w1", nonce=nonce)
    yard.release(claimed)
    yard.claim("w2")

    assert yard.claim("w1", nonce=nonce) == []


def test_a_nonce_that_found_nothing_takes_nothing_later_and_says_that_something_waits(
    yard: Yard,
) -> None:
    yard.join("w1")
    call = calls.claim("w1", build_nonce(), ("default",), 1)
    yard.store.run(call)
    yard.submit("j1")

    late = yard.store.run(call)

    assert (late.jobs, late.more) == ((), True)
    assert [job.id for job in yard.claim()] == ["j1"]


def test_a_limit_of_nothing_brings_what_the_nonce_took(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.join("w1")
    nonce = build_nonce()
    first = yard.claim(nonce=nonce, limit=1)

    assert yard.claim(nonce=nonce, limit=0) == first
    assert yard.waiting() == ["j2"]


def test_a_closed_nonce_takes_nothing_later(yard: Yard) -> None:
    yard.submit("j1")
    yard.join("w1")
    nonce = build_nonce()
    yard.claim(nonce=nonce, limit=0)

    late = yard.claim(nonce=nonce, limit=1)
    next_one = yard.claim(limit=1)

    assert late == []
    assert [job.id for job in next_one] == ["j1"]


@pytest.mark.parametrize(("jobs", "more"), [(0, False), (1, False), (2, True)])
def test_more_is_promised_only_where_something_waits(yard: Yard, jobs: int, more: bool) -> None:
    yard.submit(*(f"j{number}" for number in range(jobs)))
    yard.join("w1")

    claim = yard.store.run(calls.claim("w1", build_nonce(), ("other", "default"), 1))

    assert claim.more is more


def test_a_worker_without_a_lease_is_told_so(yard: Yard) -> None:
    yard.submit("j1")
    before = yard.dump()

    claim = yard.store.run(calls.claim("stranger", build_nonce(), ("default",), 1))

    assert claim.gone
    assert yard.dump() == before


def test_each_delivery_counts_and_has_its_own_token(yard: Yard) -> None:
    [first] = yard.claim_new("j1")
    yard.release(first)

    [second] = yard.claim()

    assert (first.deliveries, second.deliveries) == (1, 2)
    assert first.token != second.token


def test_a_job_with_a_ttl_of_its_own_does_not_vanish_while_it_runs(yard: Yard) -> None:
    queue = Queue("default", connection=yard.client, serializer=JSONSerializer)
    job = queue.enqueue(PERFORM, "noop", {}, ttl=600)
    yard.join("w1")

    yard.claim()

    assert yard.client.ttl(yard.keys.job(job.id)) == -1


def test_a_job_enqueued_by_rq_itself_can_be_claimed(yard: Yard) -> None:
    queue = Queue("default", connection=yard.client, serializer=JSONSerializer)
    job = queue.enqueue(PERFORM, "mail.send", {"to": "x"})
    yard.join("w1")

    [claimed] = yard.claim()

    data = decode_data(claimed.data)
    assert claimed.id == job.id
    assert (data.task, data.payload) == ("mail.send", {"to": "x"})
    assert (claimed.attempts, claimed.deliveries) == (0, 1)


def test_what_was_canceled_but_is_still_listed_is_passed_over(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.cancel("j1")
    yard.client.lpush(yard.keys.queue("default"), "j1")
    yard.join("w1")

    assert [job.id for job in yard.claim(limit=1)] == ["j2"]
    verify(yard.client, yard.keys)


def test_an_id_listed_twice_is_claimed_once(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.client.rpush(yard.keys.queue("default"), "j1", "j1")
    yard.join("w1")

    claimed = yard.claim(limit=2) + yard.claim()

    assert [job.id for job in claimed] == ["j1", "j2"]
    verify(yard.client, yard.keys)


def test_an_id_without_a_record_is_dropped_and_counted(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.client.delete(yard.keys.job("j1"))
    yard.join("w1")

    claimed = yard.claim(limit=1)

    assert [job.id for job in claimed] == ["j2"]
    assert yard.counters()["vanished"] == 1


@pytest.mark.parametrize("damage", ["string", "list", "no data", "unknown status", "no status"])
def test_an_unreadable_record_is_put_aside_and_harms_no_other(yard: Yard, damage: str) -> None:
    yard.submit("a", "broken", "b")
    spoil(yard, damage)
    yard.join("w1")

    claimed = yard.claim()

    assert [job.id for job in claimed] == ["a", "b"]
    assert yard.quarantined() == {"broken"}
    assert yard.counters()["quarantined"] == 1
    assert yard.waiting() == []


def test_a_job_past_its_expiry_ends_instead_of_starting(yard: Yard) -> None:
    now = datetime.now(UTC)
    yard.submit("late", expires_at=now - timedelta(seconds=1))
    yard.submit("timely", expires_at=now + timedelta(hours=1))
    yard.join("w1")

    claimed = yard.claim()

    assert [job.id for job in claimed] == ["timely"]
    late = yard.read("late")
    assert (late.state, late.started_at, late.attempts) == (State.EXPIRED, None, 0)
    page = yard.store.run(calls.list_jobs("default", states=frozenset({State.EXPIRED})))
    assert [job.id for job in page.jobs] == ["late"]
    assert yard.store.run(calls.list_jobs("default", states=frozenset({State.CANCELED}))).jobs == ()
    verify(yard.client, yard.keys)


def test_a_record_of_a_newer_schema_is_left_as_it_is(yard: Yard) -> None:
    yard.submit("new", "known")
    yard.client.hset(yard.keys.job("new"), mapping={"schema": "3", "data": "of another kind"})
    before = yard.client.hgetall(yard.keys.job("new"))
    yard.join("w1")

    claim = yard.store.run(calls.claim("w1", build_nonce(), ("default",), 5))

    assert ([job.id for job in claim.jobs], claim.too_new) == (["known"], 1)
    assert yard.client.hgetall(yard.keys.job("new")) == before
    assert yard.waiting() == ["new"]


def test_a_late_copy_of_an_older_claim_takes_nothing(yard: Yard) -> None:
    yard.submit("j1")
    yard.join("w1")
    yard.claim(nonce="2")
    yard.submit("j2")

    late = yard.claim(nonce="1")

    assert late == []
    assert yard.waiting() == ["j2"]


def test_a_queue_with_a_foreign_key_is_passed_over_and_named(yard: Yard) -> None:
    yard.submit("j1", queue="sound")
    yard.client.set(yard.keys.queue("broken"), "text")
    yard.join("w1")

    claim = yard.store.run(calls.claim("w1", build_nonce(), ("broken", "sound"), 5))

    assert ([job.id for job in claim.jobs], claim.broken) == (["j1"], ("broken",))


@pytest.mark.parametrize("waiting", [(0,), (63,), (5, 31, 32, 63), tuple(range(64))])
def test_of_many_queues_those_with_jobs_are_found_in_order(
    yard: Yard, waiting: tuple[int, ...]
) -> None:
    for number in waiting:
        yard.submit(f"j{number}", queue=f"q{number}")
    yard.join("w1")

    claimed = yard.claim(queues=tuple(f"q{number}" for number in range(64)), limit=100)

    assert [job.queue for job in claimed] == [f"q{number}" for number in waiting]


@pytest.mark.parametrize("field", ["deliveries", "attempts", "timeout", "result_ttl", "meta"])
def test_a_garbled_field_does_not_stop_a_claim(yard: Yard, field: str) -> None:
    ids = [f"j{n}" for n in range(len(GARBLED))]
    yard.submit(*ids)
    for job_id, value in zip(ids, GARBLED, strict=True):
        yard.client.hset(yard.keys.job(job_id), field, value)
    yard.join("w1")

    assert [job.id for job in yard.claim()] == ids


def test_a_record_that_is_too_large_is_a_dead_letter_that_nobody_is_sent(yard: Yard) -> None:
    yard.submit("large", "small")
    yard.client.hset(yard.keys.job("large"), "meta", b"x" * (65 * MEGABYTE))
    yard.join("w1")

    claimed = yard.claim()

    large = yard.read("large")
    assert [job.id for job in claimed] == ["small"]
    assert (large.state, large.task, dict(large.meta)) == (State.FAILED, "noop", {})
    assert large.error is not None
    assert "larger than" in large.error.message
    page = yard.store.run(calls.list_jobs("default", states=frozenset({State.FAILED})))
    assert [job.id for job in page.jobs] == ["large"]
    verify(yard.client, yard.keys)


def test_a_large_record_that_was_canceled_or_is_too_new_is_left_as_it_is(yard: Yard) -> None:
    yard.submit("canceled", "new")
    for job_id in ("canceled", "new"):
        yard.client.hset(yard.keys.job(job_id), "data", b"x" * (65 * MEGABYTE))
    yard.cancel("canceled")
    yard.client.lpush(yard.keys.queue("default"), "canceled")
    yard.client.hset(yard.keys.job("new"), "schema", "3")
    yard.join("w1")

    assert yard.claim() == []
    assert (yard.waiting(), yard.quarantined()) == (["new"], set())
    assert yard.read("canceled").state is State.CANCELED


def test_a_reply_that_is_large_takes_no_more_jobs(yard: Yard) -> None:
    ids = [f"j{number}" for number in range(5)]
    noise = b64encode(os.urandom(6 * MEGABYTE))
    yard.submit(*ids, payload=b'{"a":"%s"}' % noise)
    yard.join("w1")

    first = yard.store.run(calls.claim("w1", build_nonce(), ("default",), 5))
    waiting = yard.waiting()
    second = yard.store.run(calls.claim("w1", build_nonce(), ("default",), 5))

    assert ([job.id for job in first.jobs], first.more) == (ids[:3], True)
    assert waiting == ids[3:]
    assert ([job.id for job in second.jobs], second.more) == (ids[3:], False)
    verify(yard.client, yard.keys)


def test_an_id_that_is_no_text_does_not_stop_a_claim(yard: Yard) -> None:
    yard.client.rpush(yard.keys.queue("default"), b"\xff\xfe", b"")
    yard.client.hset(b"rq:job:\xff\xfe", mapping={"status": "queued", "data": "[]"})
    yard.submit("good")
    yard.join("w1")

    assert "good" in [job.id for job in yard.claim()]


def spoil(yard: Yard, damage: str, job_id: str = "broken") -> None:
    key = yard.keys.job(job_id)
    match damage:
        case "string":
            yard.client.set(key, "not a hash")
        case "list":
            yard.client.delete(key)
            yard.client.rpush(key, "not a hash")
        case "no data":
            yard.client.hdel(key, "data")
        case "unknown status":
            yard.client.hset(key, "status", "levitating")
        case "no status":
            yard.client.hdel(key, "status")
        case _:
            raise ValueError(damage)
