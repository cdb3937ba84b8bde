"""Twenty thousand jobs through REST while workers are killed, stopped and replaced."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from jobyard.store import calls
from support.rest import Rest
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from jobyard.store import Store
    from support.ledger import Ledger
    from support.processes import Service, Services

JOBS = int(os.environ.get("JOBYARD_TEST_FLEET_JOBS", "20000"))
BATCH = 100


@pytest.mark.slow
def test_every_acknowledged_job_succeeds_while_workers_die_and_stop(
    store: Store,
    services: Services,
    ledger: Ledger,
    figure: Callable[[str, object], None],
) -> None:
    services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false", JOBYARD_LEASE_SECONDS=3)
    workers = [start_worker(services) for _ in range(4)]
    ids: list[str] = []
    turns = [kill, stop, kill, stop]

    with Rest(services) as rest:
        rest.wait_for_task("noop")
        for number in range(JOBS // BATCH):
            ids += submit(rest.http, number)
            if turns and number >= (5 - len(turns)) * JOBS // BATCH // 5:
                turns.pop(0)(workers.pop(0))
                workers.append(start_worker(services))

        wait_for(lambda: settled(store) >= JOBS, 240, interval_seconds=0.25)

    queues = store.run(calls.queues())
    runs = ledger.runs()
    twice = {job_id for job_id, found in runs.items() if len(found) > 1}
    assert len(ids) == len(set(ids)) == JOBS
    assert sum(queue.succeeded for queue in queues) == JOBS
    assert all(queue.queued == queue.running == queue.failed == 0 for queue in queues)
    ledger.verify_complete(ids)
    assert not ledger.overlapping()
    figure("acknowledged / succeeded / lost", f"{JOBS} / {JOBS} / 0")
    figure("started more than once, over two SIGKILLs and two SIGTERMs", len(twice))


def submit(http: httpx.Client, number: int) -> list[str]:
    job = {"task": "noop", "queue": f"q{number % 3}"}
    if number % 10 == 0:
        replies = [http.post("/v1/jobs", json=job) for _ in range(BATCH)]
        assert {reply.status_code for reply in replies} == {201}
        return [reply.json()["id"] for reply in replies]
    reply = http.post("/v1/jobs/batch", json={"jobs": [job] * BATCH})
    assert reply.status_code == 207
    return [result["job"]["id"] for result in reply.json()["results"]]


def start_worker(services: Services) -> Service:
    return services.start(
        "jobyard-worker",
        JOBYARD_QUEUES="q0,q1,q2",
        JOBYARD_LEASE_SECONDS=3,
        JOBYARD_LOG_LEVEL="info",
    )


def kill(worker: Service) -> None:
    worker.kill()


def stop(worker: Service) -> None:
    worker.term()
    assert worker.wait(40) == 0


def settled(store: Store) -> int:
    return sum(queue.succeeded + queue.failed for queue in store.run(calls.queues()))
