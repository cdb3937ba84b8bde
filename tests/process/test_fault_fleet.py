"""Thousands of jobs through REST while workers are killed, stopped and replaced."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.store import calls
from support.rest import Rest
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store import Store
    from jobyard.store.records.oversight import QueueInfo
    from support.ledger import Ledger
    from support.processes import Service, Services

pytestmark = pytest.mark.both_engines

SLOTS = 8
JOBS = 5_000
MANY_JOBS = 20_000
BATCH = 100
SECONDS = 0.04  # as much work as four workers of eight slots can do while the jobs are submitted


@pytest.mark.slow
def test_every_acknowledged_job_succeeds_while_workers_die_and_stop(
    store: Store,
    services: Services,
    ledger: Ledger,
    figure: Callable[[str, object], None],
    is_thorough: bool,
) -> None:
    jobs = MANY_JOBS if is_thorough else JOBS
    services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false", JOBYARD_LEASE_SECONDS=3)
    workers = [start_worker(services) for _ in range(4)]
    ids: list[str] = []
    unsettled: dict[str, int] = {}

    with Rest(services) as rest, ThreadPoolExecutor(1) as submitting:
        rest.wait_for_task("sleeper")
        submitted = submitting.submit(submit_all, rest, ids, jobs)
        for fifth, turn in enumerate([kill, stop, kill, stop], start=1):
            wait_for(partial(has_grown_to, ids, fifth * jobs // 5), 120)
            unsettled |= turn(workers.pop(0), ledger, store)
            workers.append(start_worker(services))
        submitted.result()
        wait_for(lambda: settled(store) >= jobs, 240, interval_seconds=0.25)

    queues = store.run(calls.queues())
    runs = ledger.runs()
    twice = {job_id for job_id, found in runs.items() if len(found) > 1}
    assert len(ids) == len(set(ids)) == jobs
    assert sum(queue.succeeded for queue in queues) == jobs
    assert all(queue.queued == queue.running == queue.failed == 0 for queue in queues)
    ledger.verify_complete(ids)
    assert not ledger.overlapping()
    figure("given back by the dead / by the stopping", counted(queues))
    assert twice, "the kills hit running jobs"
    for job_id in twice:
        assert job_id in unsettled, "it was settled, or no dead worker's"
        assert runs[job_id][0].start.time_ns < unsettled[job_id], "it had not started"
    figure("acknowledged / succeeded / lost", f"{jobs} / {jobs} / 0")
    figure("started more than once, over two SIGKILLs and two SIGTERMs", len(twice))


def submit_all(rest: Rest, ids: list[str], jobs: int) -> None:
    for number in range(jobs // BATCH):
        ids += submit(rest, number)


def has_grown_to(ids: list[str], number: int) -> bool:
    return len(ids) >= number


def submit(rest: Rest, number: int) -> list[str]:
    job = {"task": "sleeper", "queue": f"q{number % 3}", "payload": {"seconds": SECONDS}}
    if number % 10 == 0:
        return [rest.post("/v1/jobs", job).json()["id"] for _ in range(BATCH)]
    reply = rest.post("/v1/jobs/batch", {"jobs": [job] * BATCH})
    assert reply.status_code == 207
    return [result["job"]["id"] for result in reply.json()["results"]]


def start_worker(services: Services) -> Service:
    return services.start(
        "jobyard-worker",
        JOBYARD_QUEUES="q0,q1,q2",
        JOBYARD_LEASE_SECONDS=3,
        JOBYARD_CONCURRENCY=SLOTS,
        JOBYARD_LOG_LEVEL="info",
    )


def counted(queues: list[QueueInfo]) -> str:
    names = ("rescued", "released")
    return " / ".join(str(sum(q.counters.get(name, 0) for q in queues)) for name in names)


def kill(worker: Service, ledger: Ledger, store: Store) -> dict[str, int]:
    """SIGKILL in the middle of work; returns what the store says it held, and when it died."""

    def caught() -> set[str]:
        worker.send(signal.SIGSTOP)
        held = held_by(worker, store)
        if not held & ledger.started():
            worker.send(signal.SIGCONT)
            return set()
        return held

    held = wait_for(caught, 30)
    worker.kill()
    worker.wait()
    return dict.fromkeys(held, time.time_ns())


def stop(worker: Service, _ledger: Ledger, store: Store) -> dict[str, int]:
    """SIGTERM in the middle of work; a stopping worker leaves nothing that must run again."""
    wait_for(lambda: held_by(worker, store), 30)
    worker.term()
    assert worker.wait(40) == 0
    return {}


def held_by(worker: Service, store: Store) -> set[str]:
    """Ids that the store has in the worker's hands; its process id is part of its name."""
    names = [info.name for info in store.run(calls.workers()) if f"-{worker.pid}-" in info.name]
    members: list[Any] = [m for name in names for m in store.client.hkeys(store.keys.held(name))]
    return {member.decode().rpartition(":")[0] for member in members}


def settled(store: Store) -> int:
    return sum(queue.succeeded + queue.failed for queue in store.run(calls.queues()))
