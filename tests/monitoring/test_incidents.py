"""Every alert provoked for real: it fires, and resolves when the trouble is over.

The rules are ours with all durations divided by 60. What looks over hours even then, the slow
burns, is left to promtool.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import pytest

from monitoring.load import SteadyLoad
from support.servers import Engine, StoreServer
from support.waiting import wait_for
from support.watched import Expected, WatchedYard, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.processes import Services

    Note: TypeAlias = Callable[[str, object], None]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

POOLS = [
    {"name": "full", "queues": ["full"], "concurrency": 1, "min": 1, "max": 1},
    {"name": "small", "queues": ["small"], "concurrency": 1, "min": 2, "max": 3},
]


@pytest.fixture(scope="module")
def yard(module_services: Services) -> Iterator[WatchedYard]:
    """One for all tests here; each leaves it well."""
    with StoreServer(Engine.VALKEY) as server:
        yard = WatchedYard(
            module_services,
            server,
            JOBYARD_ANY_QUEUE="true",
            JOBYARD_API_DRAIN_SECONDS="0",
            JOBYARD_LEASE_SECONDS="2",
            JOBYARD_NOTIFICATIONS="false",
            JOBYARD_POOLS=json.dumps(POOLS),
            JOBYARD_REDIS_TIMEOUT_SECONDS="1",
        )
        yard.worker("work", slots=4)
        wait_for(lambda: yard.prometheus.query('jobyard_queue_workers{queue="work"} == 1'), 60)
        yield yard
        yard.prometheus.close()


def test_the_store_stops(yard: WatchedYard, figure: Note) -> None:
    expected = (
        Expected("JobyardStoreDown", 1),
        Expected("JobyardSchedulerSilent", 1, "loop", "reaper"),
        Expected("JobyardApiErrors", 2, "window", "1h"),
        Expected("JobyardSubmissionsSlow", 2, "window", "1h"),
    )

    with clients(yard, number=8):
        wait_for(lambda: yard.prometheus.query("jobyard:http_errors:ratio_rate5m == 0"), 30)
        with frozen(yard.server.pid):
            fires(yard, figure, *expected)

        yard.expect_resolved(*expected)


def test_the_store_is_full_and_then_throws_keys_away(yard: WatchedYard, figure: Note) -> None:
    high = Expected("JobyardStoreMemoryHigh", 5)
    refuses = Expected("JobyardStoreRefusesWrites", 1, "reason", "OOM")
    evicts = Expected("JobyardStoreEvicts", 1)

    with yard.server.client() as client, clients(yard, number=2):
        client.config_set("maxmemory", "1mb")
        fires(yard, figure, high, refuses)
        client.config_set("maxmemory", "0")
        yard.expect_resolved(high, refuses)

        client.config_set("maxmemory-policy", "allkeys-random")
        client.mset({f"cache:{n}": "x" * 1_000 for n in range(20_000)})
        client.config_set("maxmemory", "20mb")
        fires(yard, figure, evicts)
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")

        yard.expect_resolved(evicts)


def test_the_work_goes_wrong(yard: WatchedYard, figure: Note) -> None:
    """Five troubles at once, as each takes its time."""
    unserved = (
        Expected("JobyardQueueWithoutWorkers", 5, "queue", "nobody"),
        Expected("JobyardQueueLate", 5, "queue", "nobody"),
    )
    failing = (
        Expected("JobyardTaskFailing", 5, "task", "fail"),
        Expected("JobyardDeadLettersGrow", 5, "queue", "work"),
    )
    full = Expected("JobyardPoolAtMaximum", 15, "pool", "full")
    small = Expected("JobyardPoolTooSmall", 15, "pool", "small")
    stale = Expected("JobyardStaleSettles", 1)
    lasting = (*unserved, *failing, full, small)

    yard.submit("add", 3, payload={"a": 1, "b": 1}, queue="nobody")
    yard.submit("sleep", 60, payload={"seconds": 1}, queue="full")
    yard.worker("full", slots=1)
    yard.worker("small", slots=1)
    with SteadyLoad(yard.url, 10, [{"task": "fail", "queue": "work"}]):
        outlive_a_lease(yard)
        fires(yard, figure, stale)  # and it is over before the slowest of the others begins
        fires(yard, figure, *lasting)
    yard.worker("nobody", slots=1)
    yard.worker("small", slots=1, number=2)

    yard.expect_resolved(stale, *lasting)


def outlive_a_lease(yard: WatchedYard) -> None:
    """A worker is frozen with its job, which is taken from it, and goes on.

    Its keeper stays frozen until the job's end was refused: it would say that the lease is lost,
    and the worker would not even try.
    """
    worker = yard.worker("frozen", slots=1)
    wait_for(lambda: yard.prometheus.query('jobyard_queue_workers{queue="frozen"} == 1'), 60)
    wait_for(lambda: yard.prometheus.query('jobyard_worker_slots{pool="frozen"}'), 60)
    yard.submit("sleep", payload={"seconds": 3}, queue="frozen")
    wait_for(lambda: yard.has_busy("frozen"), 30)
    with frozen(*worker.children()):
        with frozen(worker.pid):
            rescued = 'jobyard_jobs_rescued_total{queue="frozen"} > 0'
            wait_for(lambda: yard.prometheus.query(rescued), 60)
        refused = 'jobyard_settlements_refused_total{reason="stale"} > 0'
        wait_for(lambda: yard.prometheus.query(refused), 60)


def test_workers_die_again_and_again(yard: WatchedYard, figure: Note) -> None:
    expected = Expected("JobyardJobsRescued", 10, "queue", "fragile")
    yard.submit("sleep", 100, payload={"seconds": 60}, queue="fragile")
    workers = {number: yard.worker("fragile", slots=1, number=number) for number in range(10)}

    for number, worker in workers.items():
        wait_for(partial(yard.has_busy, "fragile", number), 60)
        worker.kill()
        wait_for(lambda: yard.prometheus.query(_RESCUED_NOW), 30)
        if expected.is_among(yard.prometheus.alerts("firing")):
            break
        wait_for(lambda: not yard.prometheus.query(_RESCUED_NOW), 30)
    fires(yard, figure, expected)

    yard.expect_resolved(expected)


_RESCUED_NOW = 'increase(jobyard_jobs_rescued_total{queue="fragile"}[1500ms]) > 0'


def test_the_scheduler_is_gone(yard: WatchedYard, figure: Note) -> None:
    expected = Expected("JobyardTargetAbsent", 5, "service", "scheduler")

    yard.scheduler.kill()
    fires(yard, figure, expected)
    yard.scheduler = yard.start("scheduler", "jobyard-scheduler")

    yard.expect_resolved(expected)


def test_the_scheduler_is_late(yard: WatchedYard, figure: Note) -> None:
    """It stands still again and again, until a job is overdue."""
    expected = Expected("JobyardSchedulerLate", 5, "loop", "promoter")

    with yard.server.client() as client, SteadyLoad(yard.url, 10, [_DELAYED]):

        def overdue() -> bool:
            return bool(client.zcount("rq:scheduled:work", 0, time.time() - 0.3))

        def is_late() -> bool:
            with frozen(yard.scheduler.pid):
                wait_for(overdue, 30)
            wait_for(lambda: not overdue(), 30)
            return expected.is_among(yard.prometheus.alerts("firing"))

        wait_for(is_late, 60)
        fires(yard, figure, expected)

        yard.expect_resolved(expected)


def fires(yard: WatchedYard, figure: Note, *expected: Expected) -> None:
    """They fire in time; how long it took is shown at the end of the run."""
    for name, value in yard.expect_firing(*expected).items():
        figure(name, value)


_DELAYED = {"task": "add", "payload": {"a": 1, "b": 1}, "queue": "work", "delay_seconds": 1}


@contextmanager
def clients(yard: WatchedYard, number: int) -> Iterator[None]:
    """So many that submit, two jobs a second each."""
    job = {"task": "add", "payload": {"a": 1, "b": 1}, "queue": "work"}
    with ExitStack() as all_of_them:
        for _ in range(number):
            all_of_them.enter_context(SteadyLoad(yard.url, 2, [job]))
        yield
