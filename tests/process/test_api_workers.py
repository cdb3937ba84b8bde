"""``/v1/workers``: who works on what, and a worker that is drained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobyard.store import calls
from support.jobs import submit
from support.rest import Rest
from support.waiting import wait_for
from support.workers import EXECUTORS, start_worker

if TYPE_CHECKING:
    import httpx
    import redis

    from jobyard.store import Store
    from support.ledger import Ledger
    from support.processes import Services


def register(client: redis.Redis, store: Store, *names: str) -> None:
    for name in names:
        client.sadd("rq:workers", f"rq:worker:{name}")
        client.hset(f"rq:worker:{name}", mapping={"queues": "q", "engine": "jobyard", "pid": 7})
        store.run(calls.join(name, pool="p", slots=4, lease_seconds=60, queues=("q",)))


def worker_of(rest: Rest) -> dict[str, Any]:
    [worker] = rest.http.get("/v1/workers").json()["workers"]
    found: dict[str, Any] = worker
    return found


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_drained_worker_claims_no_more_finishes_and_leaves(
    services: Services, store: Store, ledger: Ledger, kind: str
) -> None:
    process = start_worker(
        services, kind, JOBYARD_QUEUES="q", JOBYARD_CONCURRENCY=2, JOBYARD_POOL="blue"
    )
    with Rest(services) as rest:
        rest.wait_for_task("polite_sleeper")
        running = submit(store, "sleeper", {"seconds": 2.0}, queue="q")
        wait_for(lambda: running in ledger.started())
        wait_for(lambda: worker_of(rest)["busy"] == 1)
        shown = worker_of(rest)

        first = rest.http.post(f"/v1/workers/{shown['name']}/drain").json()
        again = rest.http.post(f"/v1/workers/{shown['name']}/drain")
        process.wait_for_log("worker.draining")
        late = submit(store, "noop", queue="q")

        assert process.wait(30) == 0
        gone = rest.http.post(f"/v1/workers/{shown['name']}/drain")
        listed = rest.http.get("/v1/workers").json()["workers"]

    assert (shown["slots"], shown["pool"], shown["queues"]) == (2, "blue", ["q"])
    assert [(job["id"], job["task"], job["queue"]) for job in shown["jobs"]] == [
        (running, "sleeper", "q")
    ]
    assert shown["version"]
    assert shown["last_heartbeat_at"]
    assert not shown["draining"]
    assert first["draining"]
    assert again.status_code in {200, 404}, "it may have left already"
    assert running in ledger.ended()
    assert late not in ledger.started()
    assert (gone.status_code, gone.json()["code"]) == (404, "worker-not-found")
    assert listed == []


def test_one_worker_is_read_by_its_name(
    api: httpx.Client, store: Store, client: redis.Redis
) -> None:
    register(client, store, "w-1", "w-2")
    submit(store, "noop", queue="q")
    store.run(calls.claim("w-1", "1", ("q",), 1))

    worker = api.get("/v1/workers/w-1").json()

    assert (worker["name"], worker["busy"], worker["slots"]) == ("w-1", 1, 4)
    assert worker["jobs"][0]["since"]
    assert api.get("/v1/workers/w-2").json()["jobs"] == []


def test_many_workers_are_all_listed_with_their_jobs(
    api: httpx.Client, store: Store, client: redis.Redis
) -> None:
    names = [f"w-{number:02}" for number in range(35)]
    register(client, store, *names)
    for name in names[::2]:
        submit(store, "noop", queue="q")
        store.run(calls.claim(name, "1", ("q",), 1))

    workers = api.get("/v1/workers").json()["workers"]

    assert [worker["name"] for worker in workers] == names
    assert [len(worker["jobs"]) for worker in workers] == [1, 0] * 17 + [1]


@pytest.mark.parametrize("name", ["nope", "%00", "%ED%A0%80", "x" * 5000, "*", "a:b", "%20"])
@pytest.mark.parametrize(("method", "verb"), [("GET", ""), ("POST", "/drain")])
def test_an_unknown_worker_is_404(api: httpx.Client, name: str, method: str, verb: str) -> None:
    reply = api.request(method, f"/v1/workers/{name}{verb}")

    assert (reply.status_code, reply.json()["code"]) == (404, "worker-not-found")
