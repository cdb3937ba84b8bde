"""workers and drain: who works on what, and how one is asked to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rq.worker import Worker

from jobyard.store import calls, oversight

if TYPE_CHECKING:
    from jobyard.store.records.oversight import WorkerInfo
    from support.yard import Yard


def look(yard: Yard, *names: str, jobs: int = 100, tenant: str = "") -> list[WorkerInfo]:
    return yard.store.run(calls.workers(names, jobs=jobs, tenant=tenant))


def drain(yard: Yard, worker: str) -> bool:
    return yard.store.run(oversight.drain(worker))


# ---------------------------------------------------------------- who works on what


def test_a_worker_is_shown_with_the_jobs_in_its_hands(yard: Yard) -> None:
    yard.register("w1")
    claimed = yard.claim_new("j1", "j2")
    yard.renew("w1", busy=1)
    yard.settle("succeeded", claimed[1])

    [worker] = look(yard, "w1")

    [job] = worker.jobs
    assert (job.id, job.task, job.queue) == ("j1", "noop", "default")
    assert job.since == yard.read("j1").started_at
    assert (worker.slots, worker.busy, worker.held, worker.pool) == (4, 1, 1, "default")
    assert worker.last_heartbeat_at is not None
    assert not worker.draining


def test_without_asking_for_jobs_none_are_shown(yard: Yard) -> None:
    yard.register("w1")
    yard.claim_new("j1")

    [worker] = yard.store.run(calls.workers())

    assert (worker.jobs, worker.held) == ((), 1)


def test_a_worker_that_has_not_renewed_yet_is_as_busy_as_its_hands_are_full(yard: Yard) -> None:
    yard.register("w1")
    yard.claim_new("j1", "j2")

    assert [worker.busy for worker in look(yard)] == [2]


def test_no_more_jobs_are_shown_than_were_asked_for(yard: Yard) -> None:
    yard.register("w1")
    yard.claim_new(*(f"j{number}" for number in range(20)))

    [worker] = look(yard, jobs=5)

    assert (len(worker.jobs), worker.held) == (5, 20)


def test_a_tenant_sees_its_own_jobs_only(yard: Yard) -> None:
    yard.register("w1")
    yard.submit("mine", tenant="a")
    yard.submit("theirs", tenant="b")
    yard.submit("nobodys")
    yard.join("w1")
    yard.claim()

    [worker] = look(yard, tenant="a")

    assert [job.id for job in worker.jobs] == ["mine"]


def test_only_workers_that_were_named_are_shown(yard: Yard) -> None:
    yard.register("w1", "w2", "w3")

    assert [worker.name for worker in look(yard, "w3", "gone", "w1")] == ["w1", "w3"]


def test_a_worker_of_rq_is_shown_with_its_job(yard: Yard) -> None:
    yard.register("stock")
    yard.submit("j1")
    yard.client.hset(yard.keys.job("j1"), mapping={"status": "started", "task": ""})
    yard.client.hset(yard.keys.worker("stock"), "current_job", "j1")

    [worker] = look(yard)

    assert worker.is_stock
    assert [(job.id, job.queue) for job in worker.jobs] == [("j1", "default")]


def test_a_job_that_vanished_in_a_workers_hands_is_not_shown(yard: Yard) -> None:
    yard.register("w1")
    yard.claim_new("j1")
    yard.client.delete(yard.keys.job("j1"))

    [worker] = look(yard)

    assert worker.jobs == ()


@pytest.mark.parametrize("key", ["held", "hand", "mail"])
def test_a_foreign_key_of_one_worker_hides_no_other(yard: Yard, key: str) -> None:
    yard.register("w1", "w2")
    yard.join("w1", "w2")
    yard.client.delete(getattr(yard.keys, key)("w1"))
    yard.client.set(getattr(yard.keys, key)("w1"), "foreign")

    assert [worker.name for worker in look(yard)] == ["w1", "w2"]


# ---------------------------------------------------------------- drain


def test_a_worker_that_was_asked_to_drain_finds_it_in_its_mail(yard: Yard) -> None:
    yard.register("w1")
    yard.join("w1")

    assert drain(yard, "w1")
    assert drain(yard, "w1")

    assert yard.renew("w1").drain
    assert [worker.draining for worker in look(yard)] == [True]


def test_the_mail_is_gone_with_the_worker(yard: Yard) -> None:
    yard.join("w1")
    drain(yard, "w1")

    yard.leave("w1")

    assert not yard.client.exists(yard.keys.mail("w1"))
    assert not drain(yard, "w1")


def test_nobody_is_asked_where_there_is_no_worker(yard: Yard) -> None:
    assert not drain(yard, "nobody")

    assert yard.client.keys() == []


def test_a_worker_of_rq_is_asked_in_rqs_way(yard: Yard) -> None:
    yard.register("stock")
    channel = yard.client.pubsub(ignore_subscribe_messages=True)
    channel.subscribe("rq:pubsub:stock")
    channel.get_message(timeout=5)

    assert drain(yard, "stock")

    message = channel.get_message(timeout=5)
    worker = Worker.find_by_key("rq:worker:stock", connection=yard.client)
    assert message is not None
    assert message["data"] == b'{"command": "shutdown"}'
    assert worker is not None
    channel.close()
