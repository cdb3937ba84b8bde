"""Jobs of plain RQ code: what RQ does in several steps around their end is one here, and fenced."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rq import Queue, Repeat
from rq.job import Dependency, Job
from rq.rate_limit import RateLimit, RateLimitRegistry
from rq.serializers import JSONSerializer

from jobyard.states import State
from jobyard.store import calls
from jobyard.store.records.delivery import Settled
from support.builders import build_rq_ending
from support.rq_functions import add

if TYPE_CHECKING:
    from jobyard.store.records.delivery import Claimed
    from support.yard import Yard


@pytest.fixture
def queue(yard: Yard) -> Queue:
    yard.join("w1", "w2")
    return Queue("default", connection=yard.client, serializer=JSONSerializer)


def settle(yard: Yard, kind: str, claimed: Claimed, worker: str = "w1", **more: Any) -> Settled:
    ending = build_rq_ending(kind, claimed, **more)
    return yard.store.run(calls.settle_rq(worker, [ending]))[0]


def run(yard: Yard, kind: str = "succeeded", **more: Any) -> str:
    """Claims one job and settles it; returns its id."""
    [claimed] = yard.claim(limit=1)
    assert settle(yard, kind, claimed, **more) is Settled.DONE
    return claimed.id


def status(job: Job) -> str:
    return job.get_status().value


def test_a_claim_tells_what_plain_rq_code_asked_for(yard: Yard, queue: Queue) -> None:
    queue.enqueue(add, 1, 2)
    queue.enqueue(add, 1, 2, repeat=Repeat(times=1))
    yard.submit("ours")

    claimed = yard.claim()

    assert [(job.task, job.uses_rq) for job in claimed] == [
        ("", False),
        ("", True),
        ("noop", False),
    ]


def test_nobody_claims_while_rq_is_suspended(yard: Yard, queue: Queue) -> None:
    job = queue.enqueue(add, 1, 2)
    yard.client.set("rq:suspended", 1)
    assert yard.claim() == []
    assert status(job) == "queued"

    yard.client.delete("rq:suspended")

    assert [claimed.id for claimed in yard.claim()] == [job.id]


def test_a_stale_token_changes_nothing_of_what_waits(yard: Yard, queue: Queue) -> None:
    limit = RateLimit("k", 1)
    parent = queue.enqueue(add, 1, 2, rate_limit=limit, repeat=Repeat(times=2))
    queue.enqueue(add, 1, 2, rate_limit=limit)
    queue.enqueue(add, 1, 2, depends_on=parent)
    [late] = yard.claim("w1")
    yard.expire("w1")
    yard.reap()
    [again] = yard.claim("w2")
    before = yard.dump(yard.keys.counters("default"))

    assert settle(yard, "succeeded", late) is Settled.STALE

    assert yard.dump(yard.keys.counters("default")) == before
    assert settle(yard, "succeeded", again, "w2") is Settled.DONE


def test_a_dependent_is_queued_in_the_step_that_ends_its_parent(yard: Yard, queue: Queue) -> None:
    parent = queue.enqueue(add, 1, 2)
    front = Dependency([parent], enqueue_at_front=True)
    last = queue.enqueue(add, 0, 0)
    child = queue.enqueue(add, 3, 4, depends_on=front)
    assert yard.read(child.id).state is State.BLOCKED

    assert run(yard) == parent.id

    assert queue.job_ids == [child.id, last.id]
    assert not queue.deferred_job_registry.get_job_ids()
    assert not yard.client.exists(parent.dependents_key)


def test_a_dependent_of_one_of_our_tasks_is_queued_as_well(yard: Yard, queue: Queue) -> None:
    [claimed] = yard.claim_new("ours")
    child = queue.enqueue(add, 1, 2, depends_on="ours")
    assert status(child) == "deferred"

    yard.settle("succeeded", claimed)

    assert queue.job_ids == [child.id]


@pytest.mark.parametrize(
    ("kind", "may_fail", "then"),
    [
        ("failed", False, "deferred"),
        ("failed", True, "queued"),
        ("stopped", True, "deferred"),
        ("canceled", True, "deferred"),
        ("crashed", True, "queued"),
    ],
)
def test_what_an_end_means_for_a_dependent(
    yard: Yard, queue: Queue, kind: str, may_fail: bool, then: str
) -> None:
    parent = queue.enqueue(add, 1, 2)
    child = queue.enqueue(add, 3, 4, depends_on=Dependency([parent], allow_failure=may_fail))

    run(yard, kind, budget=1)

    assert status(child) == then


def test_a_dependent_waits_for_each_of_its_parents(yard: Yard, queue: Queue) -> None:
    parents = [queue.enqueue(add, n, n) for n in range(2)]
    child = queue.enqueue(add, 3, 4, depends_on=parents)

    run(yard)
    assert status(child) == "deferred"
    run(yard)

    assert status(child) == "queued"


def test_a_dependent_that_was_canceled_stays_so(yard: Yard, queue: Queue) -> None:
    parent = queue.enqueue(add, 1, 2)
    child = queue.enqueue(add, 3, 4, depends_on=parent)
    yard.cancel(child.id)

    run(yard)

    assert status(child) == "canceled"
    assert queue.job_ids == []


def test_dependents_of_a_failed_job_are_cut_when_it_is_forgotten(yard: Yard, queue: Queue) -> None:
    parent = queue.enqueue(add, 1, 2)
    child = queue.enqueue(add, 3, 4, depends_on=parent)
    run(yard, "failed")
    yard.client.zadd(yard.keys.registry("failed", "default"), {parent.id: 1})

    yard.prune()

    record = yard.read(child.id)
    assert record.state is State.CANCELED
    assert record.error is not None
    assert record.error.type == "ParentGone"


def test_dependents_of_a_failed_job_that_is_not_kept_are_cut_at_once(
    yard: Yard, queue: Queue
) -> None:
    parent = queue.enqueue(add, 1, 2, failure_ttl=0)
    child = queue.enqueue(add, 3, 4, depends_on=parent)

    run(yard, "failed")

    assert status(child) == "canceled"
    assert not yard.client.keys("rq:job:*dependents")


def test_a_repeat_is_neither_finished_nor_queued_twice(yard: Yard, queue: Queue) -> None:
    job = queue.enqueue(add, 1, 2, repeat=Repeat(times=2, interval=[0, 60]))

    run(yard)
    assert queue.job_ids == [job.id]
    assert queue.finished_job_registry.get_job_ids(cleanup=False) == []
    run(yard)
    assert queue.scheduled_job_registry.get_job_ids() == [job.id]
    assert yard.read(job.id).state is State.SCHEDULED
    yard.make_due(job.id)
    yard.promote()
    run(yard)

    assert status(job) == "finished"
    assert len(job.results()) == 3


def test_a_freed_slot_goes_to_who_waits_for_it(yard: Yard, queue: Queue) -> None:
    limit = RateLimit("k", 1)
    first, second = (queue.enqueue(add, n, n, rate_limit=limit) for n in range(2))
    assert (status(first), status(second)) == ("queued", "rate_limited")

    run(yard, "retrying", delay_seconds=60.0)

    assert (status(first), status(second)) == ("scheduled", "queued")
    yard.make_due(first.id)
    yard.promote()
    assert status(first) == "rate_limited"
    run(yard)
    assert RateLimitRegistry("k", yard.client).get_allowed_job_ids() == [first.id]


@pytest.mark.parametrize("end", ["cancel", "leave"])
def test_a_slot_is_freed_however_a_job_ends(yard: Yard, queue: Queue, end: str) -> None:
    limit = RateLimit("k", 1)
    first, second = (queue.enqueue(add, n, n, rate_limit=limit) for n in range(2))
    if end == "leave":
        yard.claim()
    yard.cancel(first.id)

    yard.leave()

    assert status(first) == "canceled"
    assert status(second) == "queued"


def test_a_scheduled_job_goes_to_the_front_where_it_asked_for_that(
    yard: Yard, queue: Queue
) -> None:
    queue.enqueue(add, 1, 2)
    job = queue.enqueue_at(later(), add, 3, 4, at_front=True)
    yard.make_due(job.id)

    yard.promote()

    assert queue.job_ids[0] == job.id


def test_what_rqs_client_cancels_while_it_runs_stays_canceled(yard: Yard, queue: Queue) -> None:
    job = queue.enqueue(add, 1, 2)
    [claimed] = yard.claim()
    job.cancel()

    assert settle(yard, "succeeded", claimed) is Settled.STALE

    assert status(job) == "canceled"
    assert job.latest_result() is None
    assert not yard.client.exists(yard.keys.held("w1"))


def test_a_job_that_rqs_client_canceled_is_kept_for_a_while(yard: Yard, queue: Queue) -> None:
    job = queue.enqueue(add, 1, 2, failure_ttl=77)
    job.cancel()

    yard.prune()

    assert status(job) == "canceled"
    assert 0 < yard.client.ttl(job.key) <= 77


def test_what_rq_keeps_for_ever_is_kept(yard: Yard, queue: Queue) -> None:
    job = queue.enqueue(add, 1, 2)
    yard.client.hset(job.key, "status", "failed")
    yard.client.zadd(yard.keys.registry("failed", "default"), {job.id: -1})

    yard.prune()

    assert status(job) == "failed"
    assert yard.client.ttl(job.key) == -1


# ---------------------------------------------------------------- what RQ's own code left behind


def test_a_job_that_was_made_ready_and_not_queued_is_queued(yard: Yard, queue: Queue) -> None:
    job = queue.enqueue(add, 1, 2)
    yard.client.delete(queue.key)
    yard.client.hset(job.key, "status", "ready_to_enqueue")
    yard.client.zadd(yard.keys.registry("ready", "default"), {job.id: 1})

    assert yard.store.run(calls.tend_rq()) == 1

    assert queue.job_ids == [job.id]


def test_a_job_whose_parent_ended_unseen_is_queued(yard: Yard, queue: Queue) -> None:
    parent = queue.enqueue(add, 1, 2)
    child = queue.enqueue(add, 3, 4, depends_on=Dependency([parent], allow_failure=True))
    yard.client.hset(parent.key, "status", "failed")
    assert yard.store.run(calls.tend_rq()) == 0
    yard.client.zadd(yard.keys.registry("deferred", "default"), {child.id: time.time() - 120})

    assert yard.store.run(calls.tend_rq()) == 1

    assert status(child) == "queued"


def test_a_leaked_slot_is_freed_and_a_limit_that_nobody_uses_is_forgotten(
    yard: Yard, queue: Queue
) -> None:
    limit = RateLimit("k", 1)
    first, second = (queue.enqueue(add, n, n, rate_limit=limit) for n in range(2))
    yard.client.delete(first.key)

    yard.store.run(calls.tend_rq())
    assert status(second) == "queued"
    run(yard)
    yard.store.run(calls.tend_rq())

    assert not yard.client.keys("rq:rl*")


# ---------------------------------------------------------------- races


def test_a_dependent_that_comes_while_its_parent_ends_is_never_left_behind(
    yard: Yard, queue: Queue
) -> None:
    for _ in range(20):
        parent = queue.enqueue(add, 1, 2)
        [claimed] = yard.claim()
        child = Job.create(
            add,
            (1, 2),
            connection=yard.client,
            serializer=JSONSerializer,
            depends_on=parent,
        )
        racer = threading.Thread(target=queue.enqueue_job, args=(child,))
        racer.start()

        settle(yard, "succeeded", claimed)

        racer.join()
        assert status(child) == "queued"
        run(yard)


def later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)
