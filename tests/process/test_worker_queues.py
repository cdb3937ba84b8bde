"""In which order jobs of several queues start, on one slot."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from jobyard.states import State
from jobyard.store import calls
from support.builders import build_submission
from support.jobs import MODULES, submit
from support.waiting import wait_for

if TYPE_CHECKING:
    from jobyard.store import Store
    from support.ledger import Ledger
    from support.processes import Services

JOBS = 60
QUICK_JOBS = 600
LONG_SECONDS = 120.0


def fill(store: Store, *queues: str) -> None:
    for queue in queues:
        jobs = [
            build_submission(task="sleeper", queue=queue, payload=b'{"seconds": 0.005}')
            for _ in range(JOBS)
        ]
        store.run(calls.submit(jobs))


def start(services: Services, **settings: object) -> None:
    services.start(
        "jobyard-worker",
        JOBYARD_TASK_MODULES=MODULES,
        JOBYARD_CONCURRENCY=1,
        JOBYARD_LOG_LEVEL="debug",
        **settings,
    )


def queues_in_order(store: Store, ledger: Ledger) -> list[str]:
    """The queue of each job, in order of their starts."""
    starts = [line.job_id for line in ledger.entries() if line.event == "start"]
    records = [store.run(calls.read(job_id)) for job_id in starts]
    return [record.queue for record in records if record is not None]


def test_a_strict_worker_empties_the_first_queue_first(
    store: Store, services: Services, ledger: Ledger
) -> None:
    fill(store, "low", "high")

    start(services, JOBYARD_QUEUES="high,low")

    wait_for(lambda: len(ledger.ended()) == 2 * JOBS, 30)
    assert queues_in_order(store, ledger) == ["high"] * JOBS + ["low"] * JOBS


@pytest.mark.parametrize("order", ["weighted", "round_robin", "random"])
def test_where_queues_take_turns_none_waits_for_the_end_of_another(
    store: Store, services: Services, ledger: Ledger, order: str
) -> None:
    fill(store, "low", "high")

    start(services, JOBYARD_QUEUES="high,low", JOBYARD_QUEUE_ORDER=order)

    wait_for(lambda: len(ledger.ended()) == 2 * JOBS, 30)
    assert set(queues_in_order(store, ledger)[: JOBS + 1]) == {"high", "low"}
    assert queues_in_order(store, ledger)[:JOBS] != ["high"] * JOBS


def test_a_high_job_overtakes_all_low_ones_but_what_runs_and_the_few_claimed_ahead(
    store: Store, services: Services, ledger: Ledger
) -> None:
    fill(store, "low")
    start(services, JOBYARD_QUEUES="high,low")
    wait_for(lambda: len(ledger.ended()) > 10)

    urgent = submit(store, "sleeper", {"seconds": 0}, queue="high")

    before = {line.job_id for line in ledger.entries() if line.event == "start"}
    wait_for(lambda: urgent in ledger.started())
    starts = [line.job_id for line in ledger.entries() if line.event == "start"]
    overtook_late = set(starts[: starts.index(urgent)]) - before
    assert len(overtook_late) <= 12


def test_no_quick_job_waits_for_a_long_one_while_a_slot_is_free_elsewhere(
    services: Services, store: Store
) -> None:
    """What was claimed ahead of a job that turned out long goes back to whoever is free."""
    draw = random.Random(0)
    seconds = draw.sample([LONG_SECONDS] * 4 + [0.001] * QUICK_JOBS, QUICK_JOBS + 4)
    ids = [(submit(store, "sleeper", {"seconds": each}), each) for each in seconds]
    for _ in range(4):
        services.start("jobyard-worker", JOBYARD_TASK_MODULES=MODULES, JOBYARD_CONCURRENCY=2)

    finished = store.keys.registry("finished", "default")
    wait_for(lambda: store.client.zcard(finished) == QUICK_JOBS, LONG_SECONDS)

    long_ones = [job_id for job_id, each in ids if each == LONG_SECONDS]
    assert {state_of(store, job_id) for job_id in long_ones} == {State.RUNNING}


def state_of(store: Store, job_id: str) -> State:
    record = store.run(calls.read(job_id))
    assert record is not None
    return record.state
