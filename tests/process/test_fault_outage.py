"""The store goes away under load for longer than the lease: everybody waits and goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from conftest import service_environment
from jobyard.connection import connect
from jobyard.settings import Settings
from jobyard.store import Store, calls
from support.load import Load
from support.processes import Services
from support.rest import Rest
from support.waiting import wait_for, wait_while

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.ledger import Ledger
    from support.servers import StoreServer

pytestmark = pytest.mark.both_engines

AWAY_SECONDS = 8
LONG_SECONDS = 20
JOB_SECONDS = 1.0
"""So long that a slow machine, too, takes in more than its slots can do: all of them get busy."""
LEASE_SECONDS = 5
SLOTS = 16  # two workers of eight, all of them in the middle of a job when the store goes


@pytest.fixture
def durable_services(
    durable_server: StoreServer, ledger: Ledger, tmp_path: Path
) -> Iterator[Services]:
    services = Services(tmp_path, service_environment(durable_server.url, ledger))
    yield services
    services.end()


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_while_the_store_is_away(
    durable_server: StoreServer,
    durable_services: Services,
    ledger: Ledger,
    figure: Callable[[str, object], None],
    is_thorough: bool,
) -> None:
    away_seconds = LONG_SECONDS if is_thorough else AWAY_SECONDS
    lease = {"JOBYARD_LEASE_SECONDS": LEASE_SECONDS}
    scheduler = durable_services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false", **lease)
    workers = [durable_services.start("jobyard-worker", JOBYARD_QUEUES="q", **lease) for _ in "ab"]
    with Rest(durable_services) as rest, Load(rest, JOB_SECONDS) as load:
        everybody = [scheduler, *workers, rest.service]
        rest.wait_for_task("sleeper")
        wait_for(lambda: len(load.acknowledged) >= 100 and ledger.ended(), 30)

        wait_for(lambda: len(ledger.started() - ledger.ended()) == SLOTS, 30, interval_seconds=0)
        durable_server.kill()
        refused = wait_for(lambda: load.refusals[-5:], 10)
        wait_while(lambda: all(it.is_running for it in everybody), away_seconds)
        durable_server.start()
        back = time.monotonic()

        before = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) >= before + 100, 30)
        recovered = time.monotonic() - back
        load.stop()
        store = open_store(durable_server)
        wait_for(lambda: idle(store), 60)

    assert {reply.status_code for reply in load.refusals} == {503}
    assert all("retry-after" in reply.headers for reply in refused)
    assert all(service.is_running for service in everybody)
    missing = set(load.acknowledged) - ledger.ended()
    assert not missing
    queues = store.run(calls.queues())
    assert sum(queue.failed for queue in queues) == 0
    rescued = sum(queue.counters.get("rescued", 0) for queue in queues)
    store.close()
    assert rescued == 0, "live workers renewed before anybody reaped them"
    figure(
        f"acknowledged / lost, store away {away_seconds} s, lease {LEASE_SECONDS} s",
        f"{len(load.acknowledged)} / 0",
    )
    figure("answers 503 with Retry-After meanwhile", len(load.refusals))
    figure("jobs run twice", len(ledger.repeated()))
    figure("seconds from the store's return to 100 more acknowledged jobs", recovered)


def open_store(server: StoreServer) -> Store:
    settings = Settings.load(redis_url=server.url, _env_file=None)
    return Store(connect(settings), settings.keys)


def idle(store: Store) -> bool:
    return all(q.queued == q.running == q.scheduled == 0 for q in store.run(calls.queues()))
