"""Waiting for the end of a job: ``GET …/result?wait=`` and ``Prefer: wait=`` on a submission."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.store import Store, calls, move_calls
from support.api_server import running_api
from support.builders import build_nonce, build_settlement, build_submission
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from support.servers import StoreServer


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def submit(store: Store, *ids: str, **overrides: Any) -> None:
    store.run(calls.submit([build_submission(id=job_id, **overrides) for job_id in ids]))


def claim(store: Store, *queues: str) -> list[Any]:
    store.run(calls.join("w1", pool="p", slots=8, lease_seconds=60))
    return list(store.run(calls.claim("w1", build_nonce(), queues or ("default",), 100)).jobs)


def end(store: Store, claimed: Any, kind: str = "succeeded", **overrides: Any) -> None:
    store.run(calls.settle("w1", [build_settlement(kind, claimed, **overrides)]))


def work_when_submitted(store: Store, queue: str = "default") -> None:
    end(store, wait_for(lambda: claim(store, queue))[0], result=b'{"sum":3}')


def is_watched(store: Store) -> bool:
    """Whether a process of the API follows the streams."""
    return any(client["cmd"] == "xread" for client in store.client.client_list())


@pytest.mark.parametrize("wait", [None, "0", "30", "30s", "PT30S", "1m", "500ms", "999999m"])
def test_the_result_of_a_job_that_has_succeeded_is_there_at_once(
    api: httpx.Client, store: Store, wait: str | None
) -> None:
    submit(store, "j1")
    end(store, claim(store)[0], result=b'{"sum":3}')

    reply = api.get("/v1/jobs/j1/result", params={"wait": wait} if wait else None)

    assert reply.status_code == 200
    assert (reply.json()["state"], reply.json()["result"]) == ("succeeded", {"sum": 3})


@pytest.mark.parametrize("kind", ["failed", "canceled"])
def test_a_job_that_did_not_succeed_has_an_outcome_too(
    api: httpx.Client, store: Store, kind: str
) -> None:
    submit(store, "j1")
    end(store, claim(store)[0], kind)

    reply = api.get("/v1/jobs/j1/result")

    assert (reply.status_code, reply.json()["state"]) == (200, kind)
    assert (reply.json()["error"] or {}).get("type") == ("ValueError" if kind == "failed" else None)


def test_a_job_that_has_not_ended_has_none_yet(api: httpx.Client, store: Store) -> None:
    submit(store, "j1")

    reply = api.get("/v1/jobs/j1/result", params={"wait": "10ms"})

    assert (reply.status_code, reply.json()["state"]) == (202, "queued")
    assert reply.headers["retry-after"] == "1"


@pytest.mark.parametrize("queue", ["default", "new"])
def test_who_waits_is_answered_when_the_job_ends(
    api: httpx.Client, store: Store, pool: ThreadPoolExecutor, queue: str
) -> None:
    submit(store, "old")
    claim(store)
    submit(store, "j1", queue=queue)
    asked = pool.submit(api.get, "/v1/jobs/j1/result", params={"wait": "60s"})
    wait_for(lambda: is_watched(store))

    end(store, claim(store, queue)[0], "retrying", delay_seconds=0)
    end(store, claim(store, queue)[0])

    assert asked.result(30).json()["state"] == "succeeded"


def test_no_end_is_missed_between_two_looks(
    api: httpx.Client, store: Store, pool: ThreadPoolExecutor
) -> None:
    """Each job ends while somebody begins to wait for it."""
    ids = [f"j{n}" for n in range(200)]
    submit(store, *ids[:100])
    submit(store, *ids[100:])

    for claimed in [*claim(store), *claim(store)]:
        asked = pool.submit(api.get, f"/v1/jobs/{claimed.id}/result", params={"wait": "20s"})
        end(store, claimed)
        assert asked.result(10).json()["state"] == "succeeded"


def test_a_job_that_is_deleted_while_somebody_waits_is_gone(
    api: httpx.Client, store: Store, pool: ThreadPoolExecutor
) -> None:
    submit(store, "j1")
    asked = pool.submit(api.get, "/v1/jobs/j1/result", params={"wait": "60s"})
    wait_for(lambda: is_watched(store))

    store.run(move_calls.delete(["j1"]))

    assert asked.result(30).status_code == 404


@pytest.mark.parametrize("wait", ["", "-1", "1h", "x", "1 s", "1.5", "PT1H", "30S\n"])
def test_what_is_no_time_is_refused(api: httpx.Client, store: Store, wait: str) -> None:
    submit(store, "j1")

    reply = api.get("/v1/jobs/j1/result", params={"wait": wait})

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid-request")
    assert reply.json()["errors"][0]["parameter"] == "wait"


@pytest.mark.parametrize("job_id", ["nobody", "not an id"])
def test_an_unknown_job_has_no_result(api: httpx.Client, job_id: str) -> None:
    reply = api.get(f"/v1/jobs/{job_id}/result", params={"wait": "30s"})

    assert (reply.status_code, reply.json()["code"]) == (404, "job-not-found")


@pytest.mark.parametrize("prefer", ["wait=30", 'respond-async, Wait="30"', "wait=900; x=1"])
def test_a_submission_is_answered_with_the_result(
    api: httpx.Client, store: Store, pool: ThreadPoolExecutor, prefer: str
) -> None:
    working = pool.submit(work_when_submitted, store)

    reply = api.post(
        "/v1/jobs",
        json={"task": "add", "payload": {"a": 1, "b": 2}, "queue": "default"},
        headers={"Prefer": prefer},
    )

    working.result(10)
    assert (reply.status_code, reply.json()["state"]) == (201, "succeeded")
    assert reply.json()["result"] == {"sum": 3}
    assert reply.headers["preference-applied"] in {"wait=30", "wait=60"}
    assert reply.headers["location"] == f"/v1/jobs/{reply.json()['id']}"


@pytest.mark.parametrize("prefer", ["wait=1", "wait=0", "wait=soon", "return=minimal", ""])
def test_a_result_that_is_not_ready_in_time_is_not_waited_for(
    api: httpx.Client, prefer: str
) -> None:
    reply = api.post(
        "/v1/jobs", json={"task": "add", "payload": {"a": 1, "b": 2}}, headers={"Prefer": prefer}
    )

    assert (reply.status_code, reply.json()["state"]) == (201, "queued")
    assert "preference-applied" not in reply.headers


def test_a_repeated_submission_is_answered_with_the_first_ones_result(
    api: httpx.Client, store: Store, pool: ThreadPoolExecutor
) -> None:
    body = {"task": "add", "payload": {"a": 1, "b": 2}, "queue": "default"}
    headers = {"Idempotency-Key": "k", "Prefer": "wait=30"}
    working = pool.submit(work_when_submitted, store)
    first = api.post("/v1/jobs", json=body, headers=headers)
    working.result(10)

    second = api.post("/v1/jobs", json=body, headers=headers)

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["result"] == {"sum": 3}


# ---------------------------------------------------------------- the store goes away


@pytest.fixture
def durable_api(durable_server: StoreServer) -> Iterator[httpx.Client]:
    import httpx  # noqa: PLC0415

    with (
        running_api(durable_server.url) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


@pytest.fixture
def durable_store(durable_server: StoreServer) -> Iterator[Store]:
    from jobyard.connection import connect  # noqa: PLC0415
    from jobyard.settings import Settings  # noqa: PLC0415

    settings = Settings.load(redis_url=durable_server.url, _env_file=None)
    store = Store(connect(settings), settings.keys)
    yield store
    store.close()


def test_who_waits_is_answered_also_when_the_store_was_restarted_meanwhile(
    durable_api: httpx.Client,
    durable_store: Store,
    durable_server: StoreServer,
    pool: ThreadPoolExecutor,
) -> None:
    submit(durable_store, "j1")
    [claimed] = claim(durable_store)
    asked = pool.submit(durable_api.get, "/v1/jobs/j1/result", params={"wait": "60s"})
    wait_for(lambda: is_watched(durable_store))
    durable_server.restart()

    end(durable_store, claimed)

    assert asked.result(30).json()["state"] == "succeeded"


def test_a_submission_that_is_stored_is_acknowledged_also_when_the_store_goes_away(
    durable_api: httpx.Client,
    durable_store: Store,
    durable_server: StoreServer,
    pool: ThreadPoolExecutor,
) -> None:
    body = {"task": "add", "payload": {"a": 1, "b": 2}, "queue": "default"}
    asked = pool.submit(durable_api.post, "/v1/jobs", json=body, headers={"Prefer": "wait=3"})
    wait_for(lambda: is_watched(durable_store))

    durable_server.kill()

    reply = asked.result(30)
    durable_server.start()
    assert (reply.status_code, reply.json()["state"]) == (201, "queued")


def test_who_waits_for_a_store_that_stays_away_is_told(
    durable_api: httpx.Client,
    durable_store: Store,
    durable_server: StoreServer,
    pool: ThreadPoolExecutor,
) -> None:
    submit(durable_store, "j1")
    asked = pool.submit(durable_api.get, "/v1/jobs/j1/result", params={"wait": "3s"})
    wait_for(lambda: is_watched(durable_store))

    durable_server.kill()

    reply = asked.result(30)
    assert (reply.status_code, reply.json()["code"]) == (503, "store-unavailable")
    assert reply.json()["retryable"]
