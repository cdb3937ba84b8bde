"""What is too large for a job's hash: kept apart, brought where it is needed, gone with its job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from rq.job import Job
from rq.serializers import JSONSerializer

from jobyard.states import State
from jobyard.store import calls, move_calls
from jobyard.store.data import decode_data
from support.builders import build_nonce, build_submission
from support.consistency import verify
from support.keyspace import NO_EXPIRY

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store.records.delivery import Claimed
    from support.yard import Yard

PAYLOAD = {"text": "payload" * 20_000}
RESULT = {"text": "result" * 20_000}
LARGE = json.dumps(PAYLOAD, separators=(",", ":")).encode()
LARGE_RESULT = json.dumps(RESULT, separators=(",", ":")).encode()
SMALL_BYTES = 6_000
"""More than a stub takes, in a stream's node of 4 KiB too; less than any payload here."""


def claim_large(yard: Yard, *ids: str, **overrides: Any) -> list[Claimed]:
    return yard.claim_new(*ids, payload=LARGE, **overrides)


def end_large(yard: Yard, *ids: str, **overrides: Any) -> None:
    for claimed in claim_large(yard, *ids, **overrides):
        yard.settle("succeeded", claimed, result=LARGE_RESULT)


def keys_with(yard: Yard, job_id: str) -> set[str]:
    """All but the history: the stream of events and what the worker claimed last."""
    named = {
        key for key, (_, value, _) in yard.dump().items() if job_id in key or job_id in str(value)
    }
    return named - {yard.keys.events("default"), yard.keys.hand("w1")}


def test_a_large_payload_leaves_the_hash_small_and_is_read_whole(yard: Yard) -> None:
    yard.submit("j1", payload=LARGE)

    assert yard.client.memory_usage(yard.keys.job("j1")) < SMALL_BYTES
    assert yard.client.strlen(yard.keys.payload("j1")) < len(LARGE)
    record = yard.read("j1")
    assert (record.payload, record.task, record.omitted) == (PAYLOAD, "noop", ())
    verify(yard.client, yard.keys)


def test_a_payload_of_just_the_threshold_stays_where_rq_keeps_it(yard: Yard) -> None:
    text = b'{"a":"%s"}' % (b"x" * 92)
    jobs = [build_submission(id="j1", payload=text), build_submission(id="j2", payload=text + b" ")]

    yard.store.run(calls.submit(jobs, large_bytes=100))

    assert not yard.client.exists(yard.keys.payload("j1"))
    assert yard.client.exists(yard.keys.payload("j2"))
    assert b"schema" not in yard.client.hkeys(yard.keys.job("j1"))
    assert yard.read("j1").payload == yard.read("j2").payload


def test_a_claim_brings_the_payload_and_not_what_stands_in_its_place(yard: Yard) -> None:
    [claimed] = claim_large(yard, "j1")

    assert decode_data(claimed.data).payload == PAYLOAD


def test_a_repeated_claim_brings_it_again(yard: Yard) -> None:
    yard.submit("j1", payload=LARGE)
    yard.join("w1")
    call = calls.claim("w1", build_nonce(), ("default",), 5)
    first = yard.store.run(call)

    assert yard.store.run(call) == first


def test_a_delayed_large_job_has_its_payload_when_it_is_due(yard: Yard) -> None:
    yard.submit("j1", payload=LARGE, delay_seconds=60)
    yard.make_due("j1")
    yard.promote()
    yard.join("w1")

    [claimed] = yard.claim()

    assert decode_data(claimed.data).payload == PAYLOAD


def test_a_job_whose_payload_is_gone_is_a_dead_letter_that_says_so(yard: Yard) -> None:
    yard.submit("j1", "foreign", "good", payload=LARGE)
    yard.client.delete(yard.keys.payload("j1"), yard.keys.payload("foreign"))
    yard.client.rpush(yard.keys.payload("foreign"), "no payload")
    yard.join("w1")

    claimed = yard.claim()

    assert [job.id for job in claimed] == ["good"]
    found = {job_id: yard.read(job_id) for job_id in ("j1", "foreign")}
    assert {record.state for record in found.values()} == {State.FAILED}
    assert {record.payload for record in found.values()} == {None}
    said = [record.error.message for record in found.values() if record.error]
    assert said == ["its payload is gone", "its payload is of a foreign type"]


def test_rqs_tools_read_the_record_and_are_told_where_the_payload_is(yard: Yard) -> None:
    yard.submit("j1", payload=LARGE, description="noop")

    job = Job.fetch("j1", connection=yard.client, serializer=JSONSerializer)

    assert job.func_name == "jobyard_worker.perform.perform_large"
    assert job.args == ["noop", len(LARGE)]


def test_a_large_result_leaves_the_results_small_and_is_read_whole(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle("succeeded", claimed, result=LARGE_RESULT)

    assert yard.client.memory_usage(yard.keys.results("j1")) < SMALL_BYTES
    record = yard.read("j1")
    assert (record.state, record.result, record.omitted) == (State.SUCCEEDED, RESULT, ())
    job = Job.fetch("j1", connection=yard.client, serializer=JSONSerializer)
    assert "GET /v1/jobs/j1" in str(job.return_value())
    verify(yard.client, yard.keys)


def test_a_list_leaves_out_what_is_kept_apart_and_says_so(yard: Yard) -> None:
    end_large(yard, "j1")
    yard.submit("j2", payload=LARGE)
    yard.submit("j3", payload=b'{"a":1}')

    page = yard.store.run(calls.list_jobs("default"))

    shown = {job.id: (job.payload, job.result, job.omitted, job.readable) for job in page.jobs}
    assert shown == {
        "j1": (None, None, ("payload", "result"), True),
        "j2": (None, None, ("payload",), True),
        "j3": ({"a": 1}, None, (), True),
    }
    assert {job.task for job in page.jobs} == {"noop"}


def test_a_stale_settlement_leaves_no_result(yard: Yard) -> None:
    [claimed] = claim_large(yard, "j1")
    yard.expire("w1")
    yard.reap()
    before = yard.dump(yard.keys.counters("default"))

    yard.settle("succeeded", claimed, result=LARGE_RESULT)

    assert yard.dump(yard.keys.counters("default")) == before


def test_what_is_kept_apart_lives_as_long_as_its_job(yard: Yard) -> None:
    end_large(yard, "j1", result_ttl_seconds=500)
    end_large(yard, "kept", result_ttl_seconds=-1)
    yard.submit("waiting", payload=LARGE)

    ends = {
        key.removeprefix("rq:"): expiry
        for key, (_, _, expiry) in yard.dump().items()
        if key.endswith((":j1", ":kept", ":waiting"))
    }
    [of_j1] = {expiry for key, expiry in ends.items() if key.endswith(":j1")}
    assert 0 < of_j1 - yard.now_ms() <= 500_000
    assert {expiry for key, expiry in ends.items() if not key.endswith(":j1")} == {NO_EXPIRY}
    assert "yard:payload:kept" in ends
    assert "yard:result:kept" in ends


@pytest.mark.parametrize("kind", ["succeeded", "failed", "canceled"])
def test_nothing_is_left_of_a_large_job_that_is_not_kept(yard: Yard, kind: str) -> None:
    [claimed] = claim_large(yard, "j1", result_ttl_seconds=0, failure_ttl_seconds=0)
    overrides: dict[str, Any] = {"result": LARGE_RESULT} if kind == "succeeded" else {}

    yard.settle(kind, claimed, **overrides)

    assert keys_with(yard, "j1") == set()


def pruned(yard: Yard) -> None:
    yard.client.zadd(yard.keys.registry("finished", "default"), {"j1": 1})


def deleted_by_rq(yard: Yard) -> None:
    """RQ's own tools know nothing of what is kept apart."""
    Job.fetch("j1", connection=yard.client, serializer=JSONSerializer).delete()


def expired(yard: Yard) -> None:
    """As when the TTL is over before the pruner comes."""
    yard.client.delete(yard.keys.job("j1"), yard.keys.results("j1"))
    yard.client.zrem(yard.keys.registry("finished", "default"), "j1")


@pytest.mark.parametrize("end", [pruned, deleted_by_rq, expired])
def test_the_pruner_leaves_nothing_of_a_large_job(yard: Yard, end: Callable[[Yard], None]) -> None:
    end_large(yard, "j1")
    end(yard)

    yard.prune()

    assert keys_with(yard, "j1") == set()


def test_the_pruner_finds_what_rq_deleted_while_it_waited(yard: Yard) -> None:
    yard.submit("j1", payload=LARGE)
    deleted_by_rq(yard)

    yard.prune()

    assert keys_with(yard, "j1") == set()


def test_a_large_job_that_was_canceled_while_it_waited_expires_whole(yard: Yard) -> None:
    yard.submit("j1", payload=LARGE)

    yard.cancel("j1")

    verify(yard.client, yard.keys)
    assert yard.read("j1").payload == PAYLOAD


def test_a_follow_up_may_be_large(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    child = build_submission(id="child", payload=LARGE)

    yard.settle("succeeded", claimed, follow_ups=(child,))

    assert yard.read("child").payload == PAYLOAD
    verify(yard.client, yard.keys)


def test_a_job_that_runs_again_after_its_end_keeps_its_payload(yard: Yard) -> None:
    """RQ's tools requeue a failed job; the TTL of its end must not take the payload away."""
    [claimed] = claim_large(yard, "j1")
    yard.settle("failed", claimed)
    Job.fetch("j1", connection=yard.client, serializer=JSONSerializer).requeue()

    [again] = yard.claim()

    assert decode_data(again.data).payload == PAYLOAD
    assert yard.client.ttl(yard.keys.payload("j1")) == NO_EXPIRY
    assert yard.client.zcard(yard.keys.apart("default")) == 0


def test_a_failed_job_that_is_retried_keeps_its_payload(yard: Yard) -> None:
    [claimed] = claim_large(yard, "j1")
    yard.settle("failed", claimed)

    yard.store.run(move_calls.retry(["j1"], build_nonce()))

    verify(yard.client, yard.keys)
    [again] = yard.claim()
    assert decode_data(again.data).payload == PAYLOAD


@pytest.mark.parametrize("kind", ["succeeded", "failed", "canceled"])
def test_nothing_is_left_of_a_large_job_that_is_deleted(yard: Yard, kind: str) -> None:
    [claimed] = claim_large(yard, "j1")
    yard.settle(kind, claimed)

    yard.store.run(move_calls.delete(["j1"]))

    assert keys_with(yard, "j1") == set()


def test_a_small_result_takes_the_place_of_a_large_one(yard: Yard) -> None:
    end_large(yard, "j1")
    yard.client.zrem(yard.keys.registry("finished", "default"), "j1")
    yard.client.hset(yard.keys.job("j1"), "status", "queued")
    yard.client.rpush(yard.keys.queue("default"), "j1")
    [again] = yard.claim()

    yard.settle("succeeded", again)

    assert yard.read("j1").result == "done"
    assert not yard.client.exists(yard.keys.result("j1"))


@pytest.mark.parametrize("value", [b"", b"garbage", b"x\x9cgarbage", b"x"])
def test_what_is_kept_apart_and_broken_is_read_as_nothing(yard: Yard, value: bytes) -> None:
    end_large(yard, "j1")
    yard.client.set(yard.keys.payload("j1"), value)
    yard.client.set(yard.keys.result("j1"), value)

    record = yard.read("j1")

    assert (record.state, record.payload, record.result) == (State.SUCCEEDED, None, None)


def test_a_key_larger_than_anybody_should_read_is_not_sent(yard: Yard) -> None:
    end_large(yard, "j1")
    yard.client.set(yard.keys.result("j1"), b"x" * (65 * 1024 * 1024))

    record = yard.read("j1")

    assert (record.payload, record.result) == (PAYLOAD, None)


def test_a_small_job_pays_no_command_for_it(yard: Yard) -> None:
    [claimed] = yard.claim_new("warm")
    yard.settle("succeeded", claimed)
    yard.client.config_resetstat()

    [claimed] = yard.claim_new("j1")
    yard.settle("succeeded", claimed)

    used = {name.removeprefix("cmdstat_") for name in yard.client.info("commandstats")}
    assert not used & {"get", "set", "strlen", "persist"}
