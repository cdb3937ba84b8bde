"""read, list, queues: what is stored comes back, page by page, and no garbage stops a reader."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rq import Queue
from rq.serializers import JSONSerializer

from jobyard.states import State
from jobyard.store import calls
from jobyard.store.data import PERFORM
from jobyard.store.records.delivery import Progressed

if TYPE_CHECKING:
    from jobyard.store.records.job import JobRecord
    from support.yard import Yard

FIELDS = (
    "status", "data", "origin", "task", "attempts", "deliveries", "crashes", "progress", "tags",
    "meta", "retry", "tenant", "worker_name", "description", "created_at", "enqueued_at",
    "started_at", "ended_at", "timeout", "result_ttl", "failure_ttl", "cancel",
)  # fmt: skip
NASTY = (
    b"", b"nan", b"inf", b"-1e400", b"1e30", b"9" * 400, b"[]", b"5", b"null", b'"x"', b"{}",
    b"[" * 5000, b"\x80\x04N.", b"x\x9c", b"\xff", b"[NaN]",
)  # fmt: skip
GARBAGE = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(NASTY),
)


def everything(yard: Yard, queue: str = "default", **options: Any) -> list[JobRecord]:
    """All pages of a listing."""
    jobs: list[JobRecord] = []
    before = None
    for _ in range(200):
        page = yard.store.run(calls.list_jobs(queue, before=before, **options))
        jobs += page.jobs
        before = page.next
        if before is None:
            return jobs
    raise AssertionError("the listing does not end")


def ids_of(jobs: list[JobRecord]) -> list[str]:
    return [job.id for job in jobs]


def test_an_unknown_job_is_none(yard: Yard) -> None:
    assert yard.store.run(calls.read("nobody")) is None


def test_a_record_that_is_no_hash_is_none(yard: Yard) -> None:
    yard.client.set(yard.keys.job("j1"), "not a hash")

    assert yard.store.run(calls.read("j1")) is None


def test_reading_changes_nothing(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle("succeeded", claimed)
    yard.submit("j2")
    before = yard.dump()

    yard.read("j1")
    everything(yard)
    yard.info()
    yard.store.run(calls.workers())
    yard.store.run(calls.published_tasks())
    yard.store.run(calls.journal("notes"))

    assert yard.dump() == before


def test_a_pickled_record_is_shown_without_reading_it(yard: Yard) -> None:
    job = Queue("default", connection=yard.client).enqueue("os.getcwd")

    record = yard.read(job.id)

    assert (record.state, record.readable, record.payload) == (State.QUEUED, False, None)


def test_a_compressed_record_of_rq_is_read(yard: Yard) -> None:
    queue = Queue("default", connection=yard.client, serializer=JSONSerializer)
    job = queue.enqueue(PERFORM, "mail.send", {"to": "x"})

    record = yard.read(job.id)

    assert (record.task, record.payload, record.readable) == ("mail.send", {"to": "x"}, True)


def test_records_that_were_put_aside_are_listed_page_by_page(yard: Yard) -> None:
    ids = {f"j{number}" for number in range(500)}
    for job_id in ids:
        yard.client.rpush(yard.keys.queue("default"), job_id)
        yard.client.set(yard.keys.job(job_id), "not a hash")
    yard.join("w1")
    yard.claim()

    page = yard.store.run(calls.unreadable())
    pages = [page]
    while page.next is not None:
        page = yard.store.run(calls.unreadable(after=page.next))
        pages.append(page)

    found = [record for page in pages for record in page.records]
    assert {record.id for record in found} == ids
    assert {(record.queue, record.reason) for record in found} == {
        ("default", "the job is not a hash")
    }
    assert all(record.at is not None for record in found)
    assert len(pages) > 1


def test_a_record_that_was_put_aside_is_listed_whatever_its_entry_says(yard: Yard) -> None:
    entries = {b"\xff\xfe": b"\xff", b"text": b"x", b"list": b"[]", b"odd": b'{"at":7,"queue":[]}'}
    yard.client.hset(yard.keys.quarantine(), mapping=entries)

    page = yard.store.run(calls.unreadable())

    assert {record.id for record in page.records} == {"\ufffd\ufffd", "text", "list", "odd"}
    assert {record.reason for record in page.records} == {""}


def test_a_record_that_unpacks_to_gigabytes_is_not_unpacked(yard: Yard) -> None:
    yard.submit("j1")
    bomb = zlib.compress(b"[" + b" " * (65 * 1024 * 1024), 1)
    yard.client.hset(yard.keys.job("j1"), "data", bomb)

    assert not yard.read("j1").readable


def test_a_broken_result_stream_does_not_stop_a_reader(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    yard.settle("succeeded", claimed)
    yard.client.delete(yard.keys.results("j1"))
    yard.client.set(yard.keys.results("j1"), "foreign")

    assert yard.read("j1").state is State.SUCCEEDED
    assert ids_of(everything(yard)) == ["j1"]


def test_progress_is_shown(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    outcome = yard.store.run(calls.progress("j1", claimed.token, b'{"percent":40}'))

    assert outcome is Progressed.TOLD

    assert yard.read("j1").progress == {"percent": 40}


@pytest.mark.parametrize("moment", ["wrong token", "unknown job", "ended"])
def test_progress_of_a_stale_delivery_changes_nothing(yard: Yard, moment: str) -> None:
    [claimed] = yard.claim_new("j1")
    if moment == "ended":
        yard.settle("succeeded", claimed)
    job_id = "nobody" if moment == "unknown job" else "j1"
    token = "wrong" if moment == "wrong token" else claimed.token
    before = yard.dump()

    assert yard.store.run(calls.progress(job_id, token, b"1")) is Progressed.STALE
    assert yard.dump() == before


@pytest.mark.parametrize("field", FIELDS)
def test_no_nasty_value_of_a_field_stops_a_reader(yard: Yard, field: str) -> None:
    ids = [f"j{n}" for n in range(len(NASTY))]
    yard.submit(*ids)
    for job_id, value in zip(ids, NASTY, strict=True):
        yard.client.hset(yard.keys.job(job_id), field, value)

    for job_id in ids:
        yard.store.run(calls.read(job_id))
    everything(yard)
    yard.store.run(calls.queues())


@given(garbled=st.dictionaries(st.sampled_from(FIELDS), GARBAGE, min_size=1))
@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_garbage_in_a_record_stops_a_reader(yard: Yard, garbled: dict[str, bytes]) -> None:
    yard.client.flushall()
    yard.submit("good", "broken")
    yard.client.hset(yard.keys.job("broken"), mapping=garbled)

    yard.store.run(calls.read("broken"))

    assert "good" in ids_of(everything(yard))
    assert yard.info().queued == 2


@given(value=GARBAGE, field=st.sampled_from(["type", "return_value", "exc_string", "error"]))
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_garbage_in_a_result_stops_a_reader(yard: Yard, value: bytes, field: str) -> None:
    yard.client.flushall()
    [claimed] = yard.claim_new("j1")
    yard.settle("succeeded", claimed)
    yard.client.xadd(yard.keys.results("j1"), {field: value, "execution_ended_at": value})

    yard.read("j1")

    assert ids_of(everything(yard)) == ["j1"]


def test_a_listing_is_newest_first(yard: Yard) -> None:
    yard.submit("j1", "j2")
    yard.submit("j3", delay_seconds=60)

    assert ids_of(everything(yard)) == ["j3", "j2", "j1"]


@pytest.mark.parametrize("limit", [1, 7, 50, 100])
def test_pages_hold_every_job_once(yard: Yard, limit: int) -> None:
    ids = [f"j{n:03}" for n in range(100)]
    yard.submit(*ids)

    assert ids_of(everything(yard, limit=limit)) == ids[::-1]


def test_jobs_that_come_between_two_pages_do_not_shift_them(yard: Yard) -> None:
    yard.submit("j1", "j2", "j3")
    first = yard.store.run(calls.list_jobs("default", limit=2))
    yard.submit("j4")

    second = yard.store.run(calls.list_jobs("default", before=first.next, limit=2))

    assert [job.id for job in first.jobs + second.jobs] == ["j3", "j2", "j1"]


@pytest.fixture
def one_of_each(yard: Yard) -> dict[State, str]:
    """A job in every state that the store can make, keyed by it."""
    for state, kind in ((State.SUCCEEDED, "succeeded"), (State.FAILED, "failed")):
        [claimed] = yard.claim_new(f"id-{state}")
        yard.settle(kind, claimed)
    [claimed] = yard.claim_new("id-retrying")
    yard.settle("retrying", claimed)
    yard.claim_new("id-running")
    yard.claim_new("id-canceling")
    yard.cancel("id-canceling")
    yard.submit("id-canceled", "id-queued")
    yard.cancel("id-canceled")
    yard.submit("id-scheduled", delay_seconds=60)
    return {state: f"id-{state}" for state in State if state not in (State.BLOCKED, State.EXPIRED)}


@pytest.mark.parametrize("state", list(State))
def test_a_listing_by_state_holds_just_those(
    yard: Yard, one_of_each: dict[State, str], state: State
) -> None:
    listed = everything(yard, states=frozenset({state}))

    expected = [one_of_each[state]] if state in one_of_each else []
    assert ids_of(listed) == expected
    assert [job.state for job in listed] == [state] * len(expected)


def test_a_listing_by_several_states(yard: Yard, one_of_each: dict[State, str]) -> None:
    states = frozenset({State.RUNNING, State.FAILED, State.SCHEDULED})

    listed = everything(yard, states=states, limit=1)

    assert sorted(ids_of(listed)) == sorted(one_of_each[state] for state in states)


@pytest.mark.parametrize("state", [State.FAILED, State.RUNNING, State.SCHEDULED, State.SUCCEEDED])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_of_one_state_hold_every_job_once(yard: Yard, state: State, limit: int) -> None:
    ids = [f"j{n:02}" for n in range(20)]
    if state is State.SCHEDULED:
        yard.submit(*ids, delay_seconds=60.123)
    else:
        for claimed in yard.claim_new(*ids):
            if state is not State.RUNNING:
                yard.settle({State.FAILED: "failed"}.get(state, "succeeded"), claimed)

    listed = everything(yard, states=frozenset({state}), limit=limit)

    assert sorted(ids_of(listed)) == ids


def test_a_listing_by_task_looks_past_the_others(yard: Yard) -> None:
    for batch in range(12):
        yard.submit(*(f"other-{batch}-{n}" for n in range(100)))
    yard.submit("oldest", task="wanted")
    yard.client.zadd(yard.keys.jobs("default"), {"oldest": 1})
    yard.submit("newest", task="wanted")

    assert ids_of(everything(yard, task="wanted", limit=2)) == ["newest", "oldest"]


def test_a_listing_by_task_and_state(yard: Yard) -> None:
    yard.submit("a", task="one")
    yard.submit("b", task="two")
    yard.submit("c", task="one", delay_seconds=60)

    listed = everything(yard, task="one", states=frozenset({State.QUEUED}))

    assert ids_of(listed) == ["a"]


def test_a_listing_of_an_unknown_queue_is_empty(yard: Yard) -> None:
    assert everything(yard, queue="nowhere") == []


def test_a_record_that_is_gone_is_left_out(yard: Yard) -> None:
    yard.submit("j1", "j2", "j3")
    yard.client.delete(yard.keys.job("j2"))

    assert ids_of(everything(yard, limit=1)) == ["j3", "j1"]


def test_queues_tell_their_depths(yard: Yard, one_of_each: dict[State, str]) -> None:
    info = yard.info()

    assert (info.queued, info.running, info.scheduled) == (1, 2, 2)
    assert (info.succeeded, info.failed, info.canceled, info.blocked) == (1, 1, 1, 0)
    assert info.counters["submitted"] == len(one_of_each)


def test_queues_are_listed_by_name(yard: Yard) -> None:
    for queue in ("low", "default", "high"):
        yard.submit(f"job-{queue}", queue=queue)

    assert [info.name for info in yard.store.run(calls.queues())] == ["default", "high", "low"]


def test_the_oldest_waiting_job_tells_since_when(yard: Yard) -> None:
    yard.submit("j1")
    oldest = yard.read("j1").enqueued_at
    yard.submit("j2")

    assert yard.info().oldest_enqueued_at == oldest
    assert oldest is not None
    assert datetime.now(UTC) - oldest < timedelta(seconds=30)


def test_workers_of_a_queue_are_counted(yard: Yard) -> None:
    yard.submit("j1")
    yard.register("w1", "w2")

    assert yard.info().workers == 2


def test_a_queue_with_a_foreign_key_is_still_listed(yard: Yard) -> None:
    yard.submit("j1")
    yard.submit("j2", queue="low")
    yard.client.set(yard.keys.registry("failed", "default"), "foreign")

    assert (yard.info().queued, yard.info("low").queued) == (1, 1)


@pytest.mark.parametrize("count", [b"garbage", b"", b"1.5"])
def test_a_garbled_count_does_not_stop_the_listing_of_queues(yard: Yard, count: bytes) -> None:
    yard.submit("j1")
    yard.client.hset(yard.keys.counters("default"), "succeeded", count)

    assert yard.info().queued == 1
