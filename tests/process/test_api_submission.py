"""What a submission may ask for over REST: priority, unique key, bounds, batches of many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.store import Store, calls
from jobyard.store.records.delivery import Succeeded
from support.builders import build_nonce
from support.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from jobyard.store.records.delivery import Claimed
    from support.processes import Services


def submit(api: httpx.Client, **fields: Any) -> httpx.Response:
    return api.post("/v1/jobs", json={"task": "echo", **fields})


def batch(api: httpx.Client, *jobs: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    body = {"jobs": [{"task": "echo", **job} for job in jobs], **options}
    reply = api.post("/v1/jobs/batch", json=body)
    assert reply.status_code == 207, reply.text
    results: list[dict[str, Any]] = reply.json()["results"]
    return results


def codes(results: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(one["status"], one.get("problem", {}).get("code", "")) for one in results]


def claimed(store: Store, queue: str) -> Sequence[Claimed]:
    store.run(calls.join("tester", pool="p", slots=8, lease_seconds=60))
    return store.run(calls.claim("tester", build_nonce(), [queue], 100)).jobs


def claim(store: Store, queue: str) -> list[str]:
    return [job.id for job in claimed(store, queue)]


# ---------------------------------------------------------------- priority


def test_jobs_of_a_higher_priority_start_first(api: httpx.Client, store: Store) -> None:
    low, normal, high = (
        submit(api, queue="q", priority=priority).json() for priority in ("low", "normal", "high")
    )

    assert [job["priority"] for job in (low, normal, high)] == ["low", "normal", "high"]
    assert {job["queue"] for job in (low, normal, high)} == {"q"}
    found = api.get(f"/v1/jobs/{high['id']}").json()
    assert (found["queue"], found["priority"]) == ("q", "high")
    assert claim(store, "q") == [high["id"], normal["id"], low["id"]]


def test_to_name_a_lane_is_to_name_its_queue_and_priority(api: httpx.Client) -> None:
    job = submit(api, queue="q.high").json()

    assert (job["queue"], job["priority"]) == ("q", "high")
    listed = api.get("/v1/jobs", params={"queue": "q"}).json()["jobs"]
    assert [one["id"] for one in listed] == [job["id"]]


def test_a_queue_and_a_priority_that_contradict_each_other_are_refused(api: httpx.Client) -> None:
    reply = submit(api, queue="q.high", priority="low")

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid-request")


# ---------------------------------------------------------------- unique keys


def test_a_unique_key_rejects_a_second_job_and_names_the_first(api: httpx.Client) -> None:
    first = submit(api, unique={"key": "k"}).json()

    reply = submit(api, unique={"key": "k"})

    assert (reply.status_code, reply.json()["code"]) == (409, "unique-conflict")
    assert reply.json()["job_id"] == first["id"]
    assert first["unique_key"] == "k"


def test_the_existing_job_is_the_answer_where_that_is_asked_for(api: httpx.Client) -> None:
    first = submit(api, unique={"key": "k"}).json()

    reply = submit(api, unique={"key": "k", "on_conflict": "existing"})

    assert (reply.status_code, reply.json()["id"]) == (200, first["id"])
    assert reply.headers["location"] == f"/v1/jobs/{first['id']}"
    assert "idempotent-replayed" not in reply.headers


def test_whoever_waits_for_the_existing_job_is_told_that_it_is_not_new(
    api: httpx.Client, store: Store
) -> None:
    first = submit(api, queue="q", unique={"key": "k"}).json()
    body = {"task": "echo", "unique": {"key": "k", "on_conflict": "existing"}}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api.post, "/v1/jobs", json=body, headers={"Prefer": "wait=20"})
        [token] = [job.token for job in claimed(store, "q")]
        end = Succeeded(id=first["id"], token=token, started=0.0, ended=0.0, result=b"7")
        store.run(calls.settle("tester", [end]))
        reply = waiting.result(30)

    assert (reply.status_code, reply.json()["id"]) == (200, first["id"])


def test_a_waiting_job_is_replaced_and_a_running_one_is_not(
    api: httpx.Client, store: Store
) -> None:
    unique = {"key": "k", "on_conflict": "replace"}
    first = submit(api, queue="q", unique=unique).json()

    second = submit(api, queue="q", unique=unique)
    assert second.status_code == 201
    assert api.get(f"/v1/jobs/{first['id']}").json()["state"] == "canceled"

    assert claim(store, "q") == [second.json()["id"]]
    third = submit(api, queue="q", unique=unique)
    assert (third.status_code, third.json()["job_id"]) == (409, second.json()["id"])


def test_a_canceled_job_frees_its_key(api: httpx.Client) -> None:
    first = submit(api, unique={"key": "k"}).json()
    api.post(f"/v1/jobs/{first['id']}/cancel").raise_for_status()

    assert submit(api, unique={"key": "k"}).status_code == 201


# ---------------------------------------------------------------- bounds


def test_retries_within_the_bounds_are_taken(api: httpx.Client) -> None:
    assert submit(api, retry={"max_retries": 100}).status_code == 201


@pytest.mark.parametrize(
    ("retry", "pointer"),
    [
        ({"max_retries": 101}, "/retry/max_retries"),
        ({"delays_seconds": [1, 604_801]}, "/retry/delays_seconds/1"),
        ({"max_retries": 99, "factor": 100, "cap_seconds": 604_801}, "/retry/cap_seconds"),
    ],
)
def test_retries_beyond_the_bounds_are_refused(
    api: httpx.Client, retry: dict[str, Any], pointer: str
) -> None:
    reply = submit(api, retry=retry)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid-request")
    assert [error["pointer"] for error in reply.json()["errors"]] == [pointer]
    [result] = batch(api, {"retry": retry})
    assert (result["status"], result["problem"]["code"]) == (422, "invalid-request")


def test_a_full_queue_says_when_to_come_again(services: Services) -> None:
    with Rest(services, JOBYARD_MAX_QUEUE_DEPTH=3, JOBYARD_ANY_QUEUE="true") as rest:
        first = submit(rest.http, queue="q", priority="high").json()
        results = batch(rest.http, *({"queue": "q"} for _ in range(4)))
        refused = submit(rest.http, queue="q")
        others = submit(rest.http, queue="other")
        rest.http.post(f"/v1/jobs/{first['id']}/cancel").raise_for_status()
        again = submit(rest.http, queue="q")

    assert codes(results) == [(201, "")] * 2 + [(429, "queue-full")] * 2
    assert (refused.status_code, refused.json()["code"]) == (429, "queue-full")
    assert refused.json()["retryable"]
    assert int(refused.headers["retry-after"]) >= 1
    assert (others.status_code, again.status_code) == (201, 201)


# ---------------------------------------------------------------- batches


def test_a_batch_of_a_thousand_is_stored_in_order(api: httpx.Client, store: Store) -> None:
    results = batch(api, *({"queue": "q", "payload": {"n": number}} for number in range(1000)))

    assert codes(results) == [(201, "")] * 1000
    assert [one["job"]["payload"]["n"] for one in results] == list(range(1000))
    queue = [info for info in store.run(calls.queues()) if info.name == "q"]
    assert queue[0].queued == 1000


def test_a_batch_of_more_is_refused_whole(api: httpx.Client) -> None:
    body = {"jobs": [{"task": "echo"}] * 1001}

    assert api.post("/v1/jobs/batch", json=body).json()["code"] == "invalid-request"


def test_a_large_batch_is_replayed_under_its_key(api: httpx.Client) -> None:
    body = {"jobs": [{"task": "echo", "payload": {"n": n}} for n in range(250)]}
    headers = {"Idempotency-Key": "k"}

    first, again = (
        api.post("/v1/jobs/batch", json=body, headers=headers).json()["results"] for _ in range(2)
    )

    assert [one["job"]["id"] for one in again] == [one["job"]["id"] for one in first]
    assert {one["status"] for one in again} == {200}


def test_one_wrong_job_withholds_all_where_all_or_nothing_is_asked_for(api: httpx.Client) -> None:
    jobs: list[dict[str, Any]] = [{"queue": "q"}, {"queue": "q", "task": "nothing"}, {"queue": "q"}]

    results = batch(api, *jobs, all_or_nothing=True)

    assert codes(results) == [(424, "withheld"), (422, "unknown-task"), (424, "withheld")]
    assert api.get("/v1/jobs", params={"queue": "q"}).json()["jobs"] == []


def test_one_refused_by_the_store_withholds_all_as_well(api: httpx.Client) -> None:
    holder = submit(api, unique={"key": "k"}).json()["id"]

    results = batch(api, {"queue": "q"}, {"unique": {"key": "k"}}, all_or_nothing=True)

    assert codes(results) == [(424, "withheld"), (409, "unique-conflict")]
    assert results[1]["problem"]["job_id"] == holder
    assert api.get("/v1/jobs", params={"queue": "q"}).json()["jobs"] == []


def test_all_are_stored_where_none_is_refused(api: httpx.Client) -> None:
    results = batch(api, *({"queue": "q"} for _ in range(100)), all_or_nothing=True)

    assert codes(results) == [(201, "")] * 100


def test_all_or_nothing_takes_a_hundred_at_most(api: httpx.Client) -> None:
    body = {"jobs": [{"task": "echo"}] * 101, "all_or_nothing": True}

    reply = api.post("/v1/jobs/batch", json=body)

    assert (reply.status_code, reply.json()["code"]) == (422, "invalid-request")


# ---------------------------------------------------------------- lists


def ids(api: httpx.Client, **params: Any) -> list[str]:
    return [
        job["id"] for job in api.get("/v1/jobs", params=params).raise_for_status().json()["jobs"]
    ]


def test_jobs_are_listed_by_tag_and_time(api: httpx.Client) -> None:
    first = submit(api, tags=["red", "order:7"]).json()
    second = submit(api, tags=["red"], queue="other").json()
    submit(api, tags=["blue"])

    assert ids(api, tag="red") == [second["id"], first["id"]]
    assert ids(api, tag="order:7") == [first["id"]]
    assert ids(api, tag="red", queue="other") == [second["id"]]
    assert ids(api, tag="red", created_after="2100-01-01T00:00:00Z") == []
    assert ids(api, tag="red", created_before="2100-01-01T00:00:00Z", page_size=1) == [second["id"]]


def test_pages_over_all_queues_hold_each_job_once(api: httpx.Client) -> None:
    made = [submit(api, queue=f"q{number % 3}").json()["id"] for number in range(20)]
    found: list[str] = []
    token: str | None = None
    while True:
        params = {"page_size": "3"} | ({"page_token": token} if token else {})
        page = api.get("/v1/jobs", params=params).json()
        found += [job["id"] for job in page["jobs"]]
        submit(api, queue="q1")
        token = page["next_page_token"]
        if token is None:
            break

    assert found == made[::-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("created_after", "yesterday"), ("created_before", "2030-01-01T00:00:00"), ("tag", "")],
)
def test_a_filter_that_means_nothing_is_refused(api: httpx.Client, name: str, value: str) -> None:
    reply = api.get("/v1/jobs", params={name: value})

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["parameter"] == name
