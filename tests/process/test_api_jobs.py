"""The ``/v1`` routes over a real store: submit, read, list, cancel, repeat."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from jobyard.store import Store, calls
from jobyard.store.records.delivery import ErrorInfo, Failed, Retrying, Succeeded
from support.builders import build_nonce, build_task_record
from support.waiting import wait_for

if TYPE_CHECKING:
    import httpx
    import redis

    from support.servers import StoreServer

FIELDS = {
    "id", "task", "queue", "priority", "state", "payload", "result", "omitted", "error", "attempts",
    "progress", "tags", "unique_key", "tenant", "created_at", "scheduled_for", "expires_at",
    "started_at", "ended_at", "withheld",
}  # fmt: skip


def submit(api: httpx.Client, task: str = "echo", **fields: Any) -> dict[str, Any]:
    reply = api.post("/v1/jobs", json={"task": task, **fields})
    assert reply.status_code == 201, reply.text
    found: dict[str, Any] = reply.json()
    return found


def read(api: httpx.Client, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/v1/jobs/{job_id}").raise_for_status().json()
    return found


def claim(store: Store, *queues: str) -> list[Any]:
    worker = "tester"
    store.run(calls.join(worker, pool="p", slots=8, lease_seconds=60))
    return list(store.run(calls.claim(worker, build_nonce(), queues, 100)).jobs)


def test_a_submitted_job_is_created_and_can_be_read(api: httpx.Client) -> None:
    reply = api.post("/v1/jobs", json={"task": "add", "payload": {"a": 1, "b": 2}, "tags": ["x"]})

    job = reply.json()
    assert reply.status_code == 201
    assert reply.headers["location"] == f"/v1/jobs/{job['id']}"
    assert set(job) == FIELDS
    found = api.get(reply.headers["location"]).json()
    assert {**found, "created_at": None} == {**job, "created_at": None}
    assert (found["state"], found["payload"], found["tags"]) == ("queued", {"a": 1, "b": 2}, ["x"])


def test_a_submitted_job_is_one_that_rq_can_read(
    api: httpx.Client, rq_connection: redis.Redis
) -> None:
    job = submit(api, "add", payload={"a": 1, "b": 2}, queue="q")

    queue = Queue("q", connection=rq_connection, serializer=JSONSerializer)
    found = Job.fetch(job["id"], connection=rq_connection, serializer=JSONSerializer)
    assert queue.job_ids == [job["id"]]
    assert found.get_status() == "queued"
    assert found.args == ["add", {"a": 1, "b": 2}]


@pytest.mark.parametrize(
    "payload",
    [
        {"text": 'ü € 😀 \u2028 \x00 \\ "', "number": 0.1, "none": None, "yes": True},
        {"big": 2**63 - 1, "small": -(2**63), "tiny": 5e-324, "minus": -0.0},
        {"": {"": [[], {}, [[[]]]]}},
        {"a/b~c": {"$ref": "#/x", "__proto__": 1, "%s": "%(x)s", "{}": "${x}"}},
    ],
    ids=["text", "numbers", "empty", "odd keys"],
)
def test_a_payload_comes_back_as_it_was_sent(api: httpx.Client, payload: dict[str, Any]) -> None:
    job = submit(api, payload=payload)

    assert job["payload"] == payload
    assert read(api, job["id"])["payload"] == payload


def test_a_delayed_job_is_scheduled(api: httpx.Client) -> None:
    job = submit(api, delay_seconds=3600)

    found = read(api, job["id"])
    due = datetime.fromisoformat(found["scheduled_for"])
    assert (job["state"], found["state"]) == ("scheduled", "scheduled")
    assert abs(due - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=30)


def test_run_at_is_kept_as_that_instant(api: httpx.Client) -> None:
    job = submit(api, run_at="2031-05-06T12:00:00+02:00")

    assert job["scheduled_for"] == "2031-05-06T10:00:00Z"
    assert read(api, job["id"])["scheduled_for"] == "2031-05-06T10:00:00Z"


def test_expires_at_is_kept_as_that_instant(api: httpx.Client) -> None:
    job = submit(api, expires_at="2031-05-06T12:00:00.123987+02:00")

    assert job["expires_at"] == "2031-05-06T10:00:00.123000Z"
    assert read(api, job["id"])["expires_at"] == job["expires_at"]


def test_a_job_that_comes_too_late_ends_as_expired(api: httpx.Client, store: Store) -> None:
    late = submit(api, queue="q", expires_at="1999-01-01T00:00:00Z")["id"]
    in_time = submit(api, queue="q", expires_at="2031-05-06T12:00:00Z")["id"]

    claimed = claim(store, "q")

    assert [job.id for job in claimed] == [in_time]
    job = read(api, late)
    assert (job["state"], job["attempts"], job["started_at"]) == ("expired", 0, None)
    assert job["ended_at"] is not None
    listed = api.get("/v1/jobs", params={"queue": "q", "state": "expired"}).json()["jobs"]
    assert [one["id"] for one in listed] == [late]
    assert api.post(f"/v1/jobs/{late}/cancel").json()["state"] == "expired"


def test_a_job_without_a_word_about_it_never_expires(api: httpx.Client) -> None:
    assert submit(api)["expires_at"] is None


def test_a_retry_policy_of_a_job_wins_over_the_tasks(api: httpx.Client, store: Store) -> None:
    policy = {"max_retries": 3, "give_up_on": ["ValueError"], "total_seconds": 60.0}

    job = submit(api, retry=policy)

    record = store.run(calls.read(job["id"]))
    assert record is not None
    assert record.retry == policy


@pytest.mark.parametrize("moment", ["1999-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_is_past_means_at_once(api: httpx.Client, moment: str) -> None:
    assert submit(api, run_at=moment)["state"] == "queued"


def test_what_a_request_leaves_out_comes_from_the_task(api: httpx.Client, store: Store) -> None:
    job = submit(api, "send_email", payload={"to": "a@b.de", "subject": "s", "body": "b"})

    record = store.run(calls.read(job["id"]))
    assert record is not None
    assert record.timeout_seconds == 180
    assert (record.result_ttl_seconds, record.failure_ttl_seconds) == (3_600, 604_800)
    assert record.retry["delays_seconds"] == [1, 2, 4]


def test_what_a_request_says_wins_over_the_task(api: httpx.Client, store: Store) -> None:
    job = submit(
        api,
        timeout_seconds=7,
        result_ttl_seconds=8,
        failure_ttl_seconds=9,
        retry={"delays_seconds": [3, 5]},
        queue="other",
    )

    record = store.run(calls.read(job["id"]))
    assert record is not None
    assert (record.queue, record.timeout_seconds) == ("other", 7)
    assert (record.result_ttl_seconds, record.failure_ttl_seconds) == (8, 9)
    assert record.retry == {"max_retries": 2, "delays_seconds": [3, 5]}


def test_result_error_and_attempts_are_shown(api: httpx.Client, store: Store) -> None:
    good, bad, again = (submit(api, queue="q")["id"] for _ in range(3))
    error = ErrorInfo("ValueError", "no", "Traceback …")
    deliveries = {job.id: job.token for job in claim(store, "q")}
    times: dict[str, Any] = {"started": 0.0, "ended": 0.0}
    store.run(
        calls.settle(
            "tester",
            [
                Succeeded(id=good, token=deliveries[good], result=b'{"x":1}', **times),
                Failed(id=bad, token=deliveries[bad], error=error, **times),
                Retrying(id=again, token=deliveries[again], error=error, delay_seconds=60, **times),
            ],
        )
    )

    ended, failed, retrying = (read(api, job_id) for job_id in (good, bad, again))
    assert (ended["state"], ended["result"], ended["error"]) == ("succeeded", {"x": 1}, None)
    assert (failed["state"], failed["attempts"]) == ("failed", 1)
    assert failed["error"] == {"type": "ValueError", "message": "no", "traceback": "Traceback …"}
    assert retrying["state"] == "retrying"
    attempts = api.get(f"/v1/jobs/{bad}/attempts").json()["attempts"]
    shown = [(one["outcome"], one["attempt"], one["worker"]) for one in attempts]
    assert shown == [("failed", 1, "tester")]


def test_a_waiting_job_is_cancelled_and_cannot_be_again(api: httpx.Client) -> None:
    job_id = submit(api)["id"]

    first = api.post(f"/v1/jobs/{job_id}/cancel")
    second = api.post(f"/v1/jobs/{job_id}/cancel")

    assert (first.status_code, first.json()["state"]) == (200, "canceled")
    assert (second.status_code, second.json()["code"]) == (409, "job-ended")
    assert second.json()["state"] == "canceled"


def test_a_running_job_is_asked_to_stop(api: httpx.Client, store: Store) -> None:
    job_id = submit(api, queue="q")["id"]
    claim(store, "q")

    reply = api.post(f"/v1/jobs/{job_id}/cancel")

    assert (reply.status_code, reply.json()["state"]) == (200, "canceling")


def test_pages_show_every_job_once_newest_first(api: httpx.Client) -> None:
    ids = [submit(api, queue=f"q{number % 3}")["id"] for number in range(25)]

    shown, token = [], None
    while True:
        asked = {"page_size": 4, **({"page_token": token} if token else {})}
        page = api.get("/v1/jobs", params=asked).json()
        shown += [job["id"] for job in page["jobs"]]
        token = page["next_page_token"]
        submit(api, queue="q0")
        if token is None:
            break

    assert shown == ids[::-1]


def test_a_listing_is_filtered_by_queue_state_and_task(api: httpx.Client, store: Store) -> None:
    running = submit(api, queue="a")["id"]
    claim(store, "a")
    waiting = submit(api, queue="a")["id"]
    added = submit(api, "add", payload={"a": 1, "b": 2}, queue="b")["id"]
    later = submit(api, queue="b", delay_seconds=60)["id"]

    def ids(**params: Any) -> list[str]:
        return [job["id"] for job in api.get("/v1/jobs", params=params).json()["jobs"]]

    assert ids(queue="a") == [waiting, running]
    assert ids(state="running") == [running]
    assert ids(state=["queued", "scheduled"]) == [later, added, waiting]
    assert ids(task="add") == [added]
    assert ids(queue="b", task="echo", state="scheduled") == [later]
    assert ids(queue="none") == []


def test_a_repeated_request_with_a_key_is_answered_with_the_same_job(api: httpx.Client) -> None:
    body = {"task": "add", "payload": {"a": 1, "b": 2}}
    headers = {"Idempotency-Key": "order-1"}

    first = api.post("/v1/jobs", json=body, headers=headers)
    again = api.post("/v1/jobs", json=dict(reversed(body.items())), headers=headers)
    quoted = api.post("/v1/jobs", json=body, headers={"Idempotency-Key": '"order-1"'})
    other = api.post("/v1/jobs", json={"task": "echo"}, headers=headers)

    assert (first.status_code, again.status_code, quoted.status_code) == (201, 200, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"] == quoted.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-conflict")
    assert len(api.get("/v1/jobs").json()["jobs"]) == 1


def test_of_many_equal_requests_at_once_one_creates(api: httpx.Client) -> None:
    def send(_: int) -> httpx.Response:
        headers = {"Idempotency-Key": "storm"}
        return api.post("/v1/jobs", json={"task": "echo"}, headers=headers)

    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(send, range(48)))

    assert sorted(reply.status_code for reply in replies) == [200] * 47 + [201]
    assert len({reply.json()["id"] for reply in replies}) == 1


def test_a_repeated_batch_with_a_key_makes_no_new_jobs(api: httpx.Client) -> None:
    body = {"jobs": [{"task": "echo", "payload": {"n": number}} for number in range(100)]}
    headers = {"Idempotency-Key": "batch"}

    first = api.post("/v1/jobs/batch", json=body, headers=headers).json()["results"]
    again = api.post("/v1/jobs/batch", json=body, headers=headers).json()["results"]

    assert {result["status"] for result in first} == {201}
    assert {result["status"] for result in again} == {200}
    assert [result["job"]["id"] for result in again] == [result["job"]["id"] for result in first]


def test_many_submissions_at_once_are_all_stored(api: httpx.Client, client: redis.Redis) -> None:
    def send(number: int) -> str:
        return str(submit(api, payload={"n": number}, queue="many")["id"])

    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(send, range(300)))

    assert len(set(ids)) == 300
    assert client.llen("rq:queue:many") == 300


def test_a_foreign_key_of_one_queue_fails_only_that_queue(
    api: httpx.Client, client: redis.Redis
) -> None:
    client.set("rq:queue:broken", "not a list")
    together = threading.Barrier(8)

    def send(queue: str) -> int:
        together.wait()
        return api.post("/v1/jobs", json={"task": "echo", "queue": queue}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(send, ["broken", "good"] * 4))

    assert statuses == [500, 201] * 4


def test_a_task_that_a_worker_publishes_is_known_at_once(api: httpx.Client, store: Store) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    record = build_task_record(name="new.task", schema=schema, queue="q")
    store.run(calls.publish_tasks([record]))

    found = wait_for(lambda: _found(api, "/v1/tasks/new.task"))
    refused = api.post("/v1/jobs", json={"task": "new.task", "payload": {"n": "x"}})

    assert found["schema"] == schema
    assert refused.json()["errors"][0]["pointer"] == "/payload/n"
    assert submit(api, "new.task", payload={"n": 1})["queue"] == "q"


def test_the_catalogue_shows_what_the_api_brings(api: httpx.Client) -> None:
    tasks = {task["name"]: task for task in api.get("/v1/tasks").json()["tasks"]}

    assert {"add", "echo", "heavy_compute", "send_email"} <= set(tasks)
    assert tasks["add"]["schema"]["required"] == ["a", "b"]


def test_an_emptied_store_gets_the_catalogue_back(api: httpx.Client, client: redis.Redis) -> None:
    wait_for(lambda: client.sismember("rq:yard:tasks", "add"))


def test_queues_and_workers_are_shown(api: httpx.Client, store: Store, client: redis.Redis) -> None:
    submit(api, queue="q")
    submit(api, queue="q")
    client.sadd("rq:workers", "rq:worker:w-1")
    client.hset("rq:worker:w-1", mapping={"queues": "q", "state": "idle", "pid": 7})
    store.run(calls.join("w-1", pool="p", slots=4, lease_seconds=60))

    queue = api.get("/v1/queues/q").json()
    [worker] = api.get("/v1/workers").json()["workers"]

    assert (queue["name"], queue["queued"], queue["running"]) == ("q", 2, 0)
    assert (worker["name"], worker["slots"], worker["queues"]) == ("w-1", 4, ["q"])


@pytest.mark.parametrize(
    "record",
    [
        {"status": "queued", "data": b"\x80\x04pickle"},
        {"status": "nonsense", "data": b"{}"},
        {"status": "finished", "data": b'["f", null, [NaN], {"x": "\\ud800"}]'},
        {"data": b""},
        {"status": "failed", "tags": "{", "meta": "[", "progress": "NaN", "created_at": "never"},
    ],
    ids=["pickled", "unknown status", "odd JSON", "nothing", "broken fields"],
)
def test_a_foreign_record_is_shown_without_being_opened(
    api: httpx.Client, client: redis.Redis, record: dict[str, Any]
) -> None:
    client.hset("rq:job:foreign", items=[part for pair in record.items() for part in pair])
    client.hset("rq:job:foreign", "origin", "q")
    client.sadd("rq:queues", "rq:queue:q")
    client.zadd("rq:yard:jobs:q", {"foreign": 1})

    reply = api.get("/v1/jobs/foreign")

    assert reply.status_code == 200
    assert reply.json()["payload"] is None
    for path in ("/v1/jobs", "/rq/jobs/json", "/job-status/foreign", "/jobs/status/foreign"):
        assert api.get(path).status_code == 200


def test_health_is_reported(api: httpx.Client) -> None:
    assert api.get("/livez").json() == {"status": "ok"}
    assert api.get("/readyz").json() == {"status": "ok"}


def test_a_request_id_is_kept_when_it_is_sound(api: httpx.Client) -> None:
    kept = api.get("/livez", headers={"X-Request-ID": "abc-1"})
    replaced = api.get("/livez", headers={"X-Request-ID": "a b"})

    assert kept.headers["x-request-id"] == "abc-1"
    assert re.fullmatch(r"\d{10}-[0-9a-f]{12}", replaced.headers["x-request-id"])


def test_every_answer_has_security_headers_and_no_cors(api: httpx.Client) -> None:
    for path in ("/v1/jobs", "/nope", "/rq", "/docs", "/static/dashboard.js"):
        headers = api.get(path, headers={"Origin": "https://example.com"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "content-security-policy" in headers
        assert "access-control-allow-origin" not in headers


def test_while_the_store_is_away_the_api_says_so_within_a_second_or_so(
    api: httpx.Client, server: StoreServer
) -> None:
    server.pause()
    try:
        replies = [
            api.post("/v1/jobs", json={"task": "echo"}),
            api.get("/v1/jobs"),
            api.get("/v1/queues"),
            api.get("/readyz"),
            api.get("/notifications"),
            api.post("/job", json={"lowest": 1, "highest": 2}),
        ]
        alive = api.get("/livez").status_code
    finally:
        server.resume()

    assert {reply.status_code for reply in replies} == {503}
    assert {reply.json()["code"] for reply in replies} == {"store-unavailable"}
    assert all(reply.headers["retry-after"] == "2" for reply in replies)
    assert all(reply.json()["retryable"] for reply in replies)
    assert alive == 200
    wait_for(lambda: api.get("/readyz").status_code == 200)


def _found(api: httpx.Client, path: str) -> dict[str, Any]:
    reply = api.get(path)
    return reply.json() if reply.status_code == 200 else {}
