"""Traces of a whole stack, caught by a real collector: from the request to the last job of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.collector import Collector
from support.jobs import ended
from support.rest import Rest
from support.workers import EXECUTORS, start_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobyard.store import Store
    from support.processes import Service, Services

MODULES = "support.ledger_tasks,support.worker_tasks,support.traced_tasks"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def traced(services: Services, collector: Collector) -> Services:
    """Services that send their spans to ``collector``."""
    services.env |= {**collector.environment, "JOBYARD_TASK_MODULES": MODULES}
    return services


@pytest.fixture
def rest(traced: Services) -> Iterator[Rest]:
    with Rest(traced) as rest:
        yield rest


@pytest.fixture(params=EXECUTORS)
def worker(traced: Services, request: pytest.FixtureRequest) -> Service:
    """One of each kind, or of the kind that a test names; with a scheduler beside it."""
    traced.start("jobyard-scheduler")
    return start_worker(traced, request.param, JOBYARD_TASK_MODULES=MODULES)


with_threads = pytest.mark.parametrize("worker", ["thread"], indirect=True)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("task", ["traced_flaky", "traced_flaky_isolated", "traced_flaky_async"])
def test_one_story_from_the_request_to_the_follow_up_job(
    rest: Rest, store: Store, collector: Collector, task: str
) -> None:
    rest.wait_for_task(task)

    job_id = rest.submit(task)["id"]
    follower_id = str(ended(store, job_id).result)
    ended(store, follower_id)

    [server] = collector.wait_for("POST /v1/jobs")
    [producer] = collector.wait_for_job(job_id, "send")
    first, retry = collector.wait_for_job(job_id, "process", 2)
    [follower] = collector.wait_for_job(follower_id, "process")
    first_work, retry_work = collector.wait_for("own work", 2)
    [follower_work] = collector.wait_for("follower's work")
    assert server.parent_id == ""
    assert producer.is_part_of(server)
    assert first.is_part_of(producer)
    assert first_work.is_part_of(first)
    assert (retry.parent_id, retry.links) == ("", (producer.key,))
    assert retry.trace_id != first.trace_id
    assert retry_work.is_part_of(retry)
    assert follower.is_part_of(retry)
    assert follower_work.is_part_of(follower)
    assert collector.orphans() == []
