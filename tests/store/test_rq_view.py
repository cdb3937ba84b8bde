"""RQ's own tools agree with ours after every move of a job."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rq import Queue
from rq.job import Job
from rq.registry import (
    CanceledJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.results import Result
from rq.serializers import JSONSerializer

from jobyard.states import RQStatus, state_of
from jobyard.store import calls
from jobyard.store.data import PERFORM
from support.builders import KINDS

if TYPE_CHECKING:
    from rq.registry import BaseRegistry

    from support.servers import StoreServer
    from support.yard import Yard

_REGISTRIES: dict[str, type[BaseRegistry]] = {
    "running": StartedJobRegistry,
    "scheduled": ScheduledJobRegistry,
    "succeeded": FinishedJobRegistry,
    "failed": FailedJobRegistry,
    "canceled": CanceledJobRegistry,
}


def rq_job(yard: Yard, job_id: str) -> Job:
    return Job.fetch(job_id, connection=yard.client, serializer=JSONSerializer)


def assert_rq_agrees(yard: Yard) -> None:
    """Every depth and every state is the same through RQ's classes and through ours."""
    for info in yard.store.run(calls.queues()):
        queue = Queue(info.name, connection=yard.client, serializer=JSONSerializer)
        assert queue.count == info.queued
        for depth, registry in _REGISTRIES.items():
            listed = registry(queue=queue, serializer=JSONSerializer).get_job_count(cleanup=False)
            assert listed == getattr(info, depth), depth
        for record in yard.store.run(calls.list_jobs(info.name, limit=100)).jobs:
            assert_rq_reads(yard, record.id)


def assert_rq_reads(yard: Yard, job_id: str) -> None:
    job, record = rq_job(yard, job_id), yard.read(job_id)
    status = RQStatus(job.get_status(refresh=False).value)
    assert state_of(status, attempts=record.attempts, cancel=False) in {
        record.state,
        state_of(record.status, attempts=record.attempts, cancel=False),
    }
    assert job.func_name == PERFORM
    assert list(job.args) == [record.task, record.payload]
    assert job.origin == record.queue
    assert (job.enqueued_at, job.started_at, job.ended_at) == (
        record.enqueued_at,
        record.started_at,
        record.ended_at,
    )
    assert job.result_ttl in (None, record.result_ttl_seconds)  # None: the default
    assert job.timeout == record.timeout_seconds


def test_after_every_move(yard: Yard) -> None:
    yard.submit("j1", "j2", payload=b'{"n":[1,null,"x"]}', description="adds")
    yard.submit("j3", delay_seconds=60)
    assert_rq_agrees(yard)
    yard.join("w1")
    first, second = yard.claim()
    assert_rq_agrees(yard)
    yard.release(second)
    assert_rq_agrees(yard)
    yard.settle("retrying", first, delay_seconds=0)
    assert_rq_agrees(yard)
    yard.cancel("j2")
    assert_rq_agrees(yard)
    [again] = yard.claim()
    yard.cancel("j1")
    assert_rq_agrees(yard)
    yard.expire("w1")
    yard.reap()
    assert_rq_agrees(yard)
    yard.make_due("j3")
    yard.promote()
    assert_rq_agrees(yard)
    assert again.id == "j1"


@pytest.mark.parametrize("kind", KINDS)
def test_after_every_end(yard: Yard, kind: str) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle(kind, claimed)

    assert_rq_agrees(yard)


def test_rq_reads_the_result(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle("succeeded", claimed, result=b'{"sum":3}')

    assert rq_job(yard, "j1").return_value() == {"sum": 3}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("failed", "FAILED"), ("retrying", "RETRIED"), ("canceled", "STOPPED"), ("crashed", "FAILED")],
)
def test_rq_reads_how_each_attempt_ended(yard: Yard, kind: str, expected: str) -> None:
    [claimed] = yard.claim_new("j1")

    yard.settle(kind, claimed)

    [result] = Result.all(rq_job(yard, "j1"), serializer=JSONSerializer)
    assert result.type.name == expected
    if kind != "canceled":
        assert "ValueError: boom" in str(result.exc_string)


def test_rq_reads_a_dead_letter_of_too_many_releases(yard: Yard) -> None:
    [claimed] = yard.claim_new("j1")
    for _ in range(10):
        yard.release(claimed)
        [claimed] = yard.claim()

    yard.release(claimed)

    assert_rq_agrees(yard)
    [result] = Result.all(rq_job(yard, "j1"), serializer=JSONSerializer)
    assert result.type is Result.Type.FAILED


def test_rqs_own_cleanup_takes_nothing_that_runs(yard: Yard) -> None:
    yard.claim_new("j1")
    before = yard.dump()

    queue = Queue("default", connection=yard.client, serializer=JSONSerializer)
    for registry in _REGISTRIES.values():
        registry(queue=queue, serializer=JSONSerializer).cleanup()

    assert yard.dump() == before


def test_rq_finds_the_worker_that_runs_a_job(yard: Yard) -> None:
    yard.register("w1")
    yard.claim_new("j1")

    assert rq_job(yard, "j1").worker_name == "w1"
    assert [worker.name for worker in yard.store.run(calls.workers())] == ["w1"]


def test_rq_info_counts_what_we_count_and_changes_nothing(yard: Yard, server: StoreServer) -> None:
    yard.register("w1")
    first, second, _, _ = yard.claim_new("j1", "j2", "j3", "j4")
    yard.settle("succeeded", first)
    yard.settle("failed", second)
    yard.submit("j5", "j6", "j7")
    before = yard.dump()

    shown = subprocess.run(
        [Path(sys.executable).parent / "rq", "info", "-u", server.url, "--raw"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout

    [line] = [line for line in shown.splitlines() if line.startswith("queue default")]
    assert line == "queue default 3, 2 executing, 1 finished, 1 failed"
    assert "w1" in shown
    assert yard.dump() == before


def test_a_job_that_rq_enqueued_is_listed_from_its_claim_on(yard: Yard) -> None:
    queue = Queue("default", connection=yard.client, serializer=JSONSerializer)
    theirs = queue.enqueue(PERFORM, "noop", {})
    yard.submit("ours")
    yard.join("w")

    before = listed(yard)
    [claimed, _] = yard.claim("w", limit=2)
    yard.settle("succeeded", claimed, worker="w")

    assert before == ["ours"]
    assert sorted(listed(yard)) == sorted(["ours", theirs.id])


def listed(yard: Yard) -> list[str]:
    return [job.id for job in yard.store.run(calls.list_jobs("default")).jobs]
