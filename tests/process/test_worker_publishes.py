"""``jobyard-worker --publish``: what a pool without workers has is known, and nobody works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.store import calls
from support.jobs import MODULES
from support.rest import Rest
from support.servers import StoreServer

if TYPE_CHECKING:
    from jobyard.store import Store
    from support.processes import Service, Services
    from support.servers import Engine


def publish(services: Services, **env: object) -> Service:
    chosen = {"JOBYARD_TASK_MODULES": MODULES, "JOBYARD_QUEUES": "reports", **env}
    return services.start("jobyard-worker", "--publish", **chosen)


def test_a_task_and_a_queue_without_workers_are_known_at_once(
    services: Services, store: Store
) -> None:
    with Rest(services) as rest:
        unknown = rest.http.post("/v1/jobs", json={"task": "sleeper", "queue": "reports"})
        assert publish(services).wait() == 0

        job = rest.submit("sleeper", queue="reports")

    assert unknown.status_code == 422
    assert job["state"] == "queued"
    assert store.run(calls.workers()) == []
    assert not store.client.exists(store.keys.lease())


def test_publishing_again_changes_nothing(services: Services, store: Store) -> None:
    publish(services).wait()
    before = store.run(calls.published())

    assert publish(services).wait() == 0

    assert store.run(calls.published()) == before


def test_it_waits_for_a_store_that_is_away(services: Services, engine: Engine) -> None:
    with StoreServer(engine) as server:
        server.kill()
        publisher = publish(services, JOBYARD_REDIS_URL=server.url)
        publisher.wait_for_log("store.away")
        server.start()

        assert publisher.wait() == 0
        with server.client() as client:
            assert client.sismember("rq:yard:tasks", "sleeper")
    assert publisher.log().count("store.away") == 1


def test_a_module_that_is_not_there_is_one_line(services: Services) -> None:
    publisher = publish(services, JOBYARD_TASK_MODULES="nowhere")

    assert publisher.wait() == 2
    assert publisher.log().count("\n") == 1
    assert "nowhere" in publisher.log()
