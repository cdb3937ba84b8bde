"""A task that never gives the interpreter lock away must not cost its neighbours the lease."""

from __future__ import annotations

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
    from support.processes import Services

LEASE_SECONDS = 5
HELD_SECONDS = 15
LONG_SECONDS = 60


@pytest.mark.slow
@pytest.mark.both_engines
def test_a_task_that_holds_the_gil_for_several_leases_costs_none(
    store: Store,
    services: Services,
    ledger: Ledger,
    figure: Callable[[str, object], None],
    is_thorough: bool,
) -> None:
    held_seconds = LONG_SECONDS if is_thorough else HELD_SECONDS
    lease = {"JOBYARD_LEASE_SECONDS": LEASE_SECONDS}
    scheduler = services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false", **lease)
    worker = services.start("jobyard-worker", JOBYARD_CONCURRENCY=8, JOBYARD_QUEUES="q", **lease)
    worker.wait_for_log("worker.started")
    jobs = [
        build_submission(task="sleeper", queue="q", payload=b'{"seconds": 2}') for _ in range(7)
    ]
    holder = build_submission(
        task="gil_holder", queue="q", payload=b'{"seconds": %d}' % held_seconds
    )
    ids = [job.id for job in [*jobs, holder]]

    # The holder goes in last: it may take the interpreter before its neighbours wrote their start.
    store.run(calls.submit(jobs))
    wait_for(lambda: len(ledger.started()) == len(jobs), 20)
    store.run(calls.submit([holder]))

    wait_for(lambda: all(ended(store, job_id) for job_id in ids), held_seconds + 60)
    ledger.verify_once(ids)
    rescued = sum(queue.counters.get("rescued", 0) for queue in store.run(calls.queues()))
    assert rescued == 0
    assert "reaper.rescued" not in scheduler.log()
    figure(
        f"leases lost / jobs run twice, GIL held {held_seconds} s, lease {LEASE_SECONDS} s", "0 / 0"
    )


def ended(store: Store, job_id: str) -> bool:
    record = store.run(calls.read(job_id))
    return record is not None and record.state is State.SUCCEEDED
