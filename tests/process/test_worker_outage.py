"""The store goes away and comes back: no exit, no lost result, no lost claim."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from conftest import require, service_environment
from jobyard.connection import connect
from jobyard.settings import Settings
from jobyard.states import State
from jobyard.store import Store
from support.jobs import MODULES, ended, submit
from support.processes import Service, Services
from support.servers import StoreServer
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.ledger import Ledger
    from support.servers import Engine

pytestmark = pytest.mark.both_engines


@contextmanager
def open_store(server: StoreServer) -> Iterator[Store]:
    settings = Settings.load(redis_url=server.url, _env_file=None)
    store = Store(connect(settings), settings.keys)
    yield store
    store.close()


@pytest.fixture
def durable_store(durable_server: StoreServer) -> Iterator[Store]:
    with open_store(durable_server) as store:
        yield store


@pytest.fixture
def own_services(durable_server: StoreServer, ledger: Ledger, tmp_path: Path) -> Iterator[Services]:
    env = {
        "JOBYARD_REDIS_URL": durable_server.url,
        "JOBYARD_TASK_MODULES": MODULES,
        "JOBYARD_TEST_LEDGER": str(ledger.path),
    }
    services = Services(tmp_path, env)
    yield services
    services.end()


def start(services: Services) -> Service:
    worker = services.start("jobyard-worker")
    worker.wait_for_log("worker.started")
    return worker


def test_a_result_waits_for_the_store(
    own_services: Services, durable_store: Store, durable_server: StoreServer, ledger: Ledger
) -> None:
    worker = start(own_services)
    job_id = submit(durable_store, "sleeper", {"seconds": 1})
    wait_for(lambda: job_id in ledger.started())

    durable_server.kill()
    wait_for(lambda: job_id in ledger.ended())
    worker.wait_for_log("store.away")
    durable_server.restart()

    assert ended(durable_store, job_id).state is State.SUCCEEDED
    assert len(ledger.runs()[job_id]) == 1
    worker.wait_for_log("store.back")
    assert worker.log().count("store.away") == 1


def test_an_idle_worker_finds_new_jobs_after_the_store_was_away(
    own_services: Services, durable_store: Store, durable_server: StoreServer
) -> None:
    worker = start(own_services)

    durable_server.kill()
    worker.wait_for_log("store.away")
    durable_server.restart()

    assert ended(durable_store, submit(durable_store, "add", {"a": 1, "b": 2})).result == 3
    assert worker.is_running


def test_a_worker_that_starts_first_waits_for_the_store(
    own_services: Services, durable_store: Store, durable_server: StoreServer
) -> None:
    durable_server.kill()
    worker = own_services.start("jobyard-worker")
    worker.wait_for_log("store.away")

    durable_server.restart()

    worker.wait_for_log("worker.started")
    assert ended(durable_store, submit(durable_store, "add", {"a": 1, "b": 2})).result == 3


def test_a_worker_can_stop_while_the_store_is_away(
    own_services: Services, durable_server: StoreServer
) -> None:
    worker = start(own_services)
    durable_server.kill()
    worker.wait_for_log("store.away")

    worker.term()

    assert worker.wait(20) == 0


def test_a_store_that_does_not_answer_holds_no_worker_past_its_grace(
    own_services: Services, durable_store: Store, durable_server: StoreServer, ledger: Ledger
) -> None:
    long = {"JOBYARD_GRACE_SECONDS": 3, "JOBYARD_REDIS_TIMEOUT_SECONDS": 60}
    worker = own_services.start("jobyard-worker", **long)
    worker.wait_for_log("worker.started")
    job_id = submit(durable_store, "sleeper", {"seconds": 60})
    wait_for(lambda: job_id in ledger.started())

    durable_server.pause()
    worker.term()

    assert worker.wait(20) == 0, "the store's timeout alone is longer"
    durable_server.resume()
    wait_for(lambda: not worker.children())


def test_a_job_whose_end_the_store_has_forgotten_runs_again(
    engine: Engine, ledger: Ledger, tmp_path: Path
) -> None:
    """As after a failover that cost the last writes: what is left is a job in hand of a worker
    that lives, renews its lease, and knows nothing of it."""
    require(engine)
    with StoreServer(engine) as server, server.client() as client, open_store(server) as store:
        env = {"JOBYARD_LEASE_SECONDS": "5", **service_environment(server.url, ledger)}
        with Service("jobyard-worker", env, tmp_path) as worker:
            worker.wait_for_log("worker.started")
            job_id = submit(store, "sleeper", {"seconds": 1})
            wait_for(lambda: job_id in ledger.started())
            client.save()
            assert ended(store, job_id).state is State.SUCCEEDED

            server.restart()

            wait_for(lambda: len(ledger.runs()[job_id]) == 2, message=worker.log)
            assert ended(store, job_id).state is State.SUCCEEDED
            worker.wait_for_log("jobs.forgotten")
