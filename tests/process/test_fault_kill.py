"""Workers that die: nothing is lost, and what runs again was running when they died."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from jobyard.states import State
from jobyard.store import calls
from support.builders import build_submission
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store import Store
    from support.ledger import Ledger
    from support.processes import Service, Services

pytestmark = pytest.mark.both_engines

LEASE_SECONDS = 3


@pytest.mark.parametrize(
    ("queues", "executor"),
    [("one", "thread"), ("one,two,three", "thread"), ("one", "process")],
)
def test_jobs_of_a_killed_worker_run_again_at_once_while_its_keeper_lives(  # noqa: PLR0917 - fixtures and one case
    store: Store,
    services: Services,
    ledger: Ledger,
    figure: Callable[[str, object], None],
    queues: str,
    executor: str,
) -> None:
    worker = start_worker(services, queues, JOBYARD_EXECUTOR=executor)
    ids = submit_sleepers(store, queues.split(","), 9, seconds=1.5)
    wait_for(lambda: len(ledger.started()) >= 4, 20)
    before = freeze(worker, store, ids)

    worker.kill()
    killed = time.time_ns()
    wait_for(lambda: running(store) == 0)
    rescued = time.time_ns()
    start_worker(services, queues, JOBYARD_EXECUTOR=executor)

    wait_for(lambda: succeeded(store, ids), 60)
    assert set(ledger.repeated()) <= before
    ledger.verify_complete(ids)
    figure("seconds from SIGKILL to all jobs waiting again", (rescued - killed) / 1e9)
    figure("jobs lost / run twice / in hand", f"0 / {len(ledger.repeated())} / {len(before)}")


@pytest.mark.parametrize("queues", ["one", "one,two,three"])
def test_jobs_of_a_worker_killed_with_its_keeper_run_again_when_the_lease_is_over(
    store: Store,
    services: Services,
    ledger: Ledger,
    figure: Callable[[str, object], None],
    queues: str,
) -> None:
    start_scheduler(services)
    worker = start_worker(services, queues)
    ids = submit_sleepers(store, queues.split(","), 9, seconds=1.5)
    wait_for(lambda: len(ledger.started()) >= 4, 20)
    keepers = worker.children()
    before = freeze(worker, store, ids)

    for pid in [*keepers, worker.pid]:
        os.kill(pid, signal.SIGKILL)
    killed = time.time_ns()
    wait_for(lambda: running(store) == 0, LEASE_SECONDS + 5)
    rescued = time.time_ns()
    start_worker(services, queues)

    wait_for(lambda: succeeded(store, ids), 60)
    assert keepers, "the worker has a keeper"
    assert set(ledger.repeated()) <= before
    ledger.verify_complete(ids)
    figure(
        f"seconds from SIGKILL to all jobs waiting again, lease {LEASE_SECONDS} s, no worker alive",
        (rescued - killed) / 1e9,
    )
    figure("jobs lost / run twice / in hand", f"0 / {len(ledger.repeated())} / {len(before)}")


def test_a_killed_keeper_is_replaced_and_no_lease_is_lost(
    store: Store, services: Services, ledger: Ledger
) -> None:
    lease = {"JOBYARD_LEASE_SECONDS": 8}  # time for another keeper to start, also beside much else
    start_scheduler(services, **lease)
    worker = start_worker(services, "one", **lease)
    ids = submit_sleepers(store, ["one"], 4, seconds=12)
    wait_for(lambda: len(ledger.started()) == 4, 20)
    first = worker.children()

    for pid in first:
        os.kill(pid, signal.SIGKILL)

    wait_for(lambda: set(worker.children()) - set(first), 10)
    wait_for(lambda: succeeded(store, ids), 60)
    ledger.verify_once(ids)


def start_worker(services: Services, queues: str, **env: object) -> Service:
    settings = {"JOBYARD_LEASE_SECONDS": LEASE_SECONDS, "JOBYARD_CONCURRENCY": 4, **env}
    worker = services.start("jobyard-worker", JOBYARD_QUEUES=queues, **settings)
    worker.wait_for_log("worker.started")
    return worker


def start_scheduler(services: Services, **env: object) -> Service:
    settings = {"JOBYARD_LEASE_SECONDS": LEASE_SECONDS, "JOBYARD_NOTIFICATIONS": "false", **env}
    scheduler = services.start("jobyard-scheduler", **settings)
    scheduler.wait_for_log("scheduler.started")
    return scheduler


def submit_sleepers(store: Store, queues: list[str], number: int, seconds: float) -> list[str]:
    payload = b'{"seconds": %f}' % seconds
    jobs = [
        build_submission(task="sleeper", queue=queues[i % len(queues)], payload=payload)
        for i in range(number)
    ]
    store.run(calls.submit(jobs))
    return [job.id for job in jobs]


def freeze(worker: Service, store: Store, ids: list[str]) -> set[str]:
    """Stops a worker that is about to be killed; returns what it holds and may have started."""
    worker.send(signal.SIGSTOP)
    records = [store.run(calls.read(job_id)) for job_id in ids]
    return {record.id for record in records if record and record.state is State.RUNNING}


def running(store: Store) -> int:
    return sum(queue.running for queue in store.run(calls.queues()))


def succeeded(store: Store, ids: list[str]) -> bool:
    records = [store.run(calls.read(job_id)) for job_id in ids]
    return all(record is not None and record.state is State.SUCCEEDED for record in records)
