"""Bad input on every route: a problem that names the field, never a 5xx, nothing stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jobyard_api.problem_types import PROBLEM_TYPES, Code

if TYPE_CHECKING:
    import redis

JSON = {"Content-Type": "application/json"}
POSTS = (
    "/v1/jobs",
    "/v1/jobs/batch",
    "/job",
    "/schedule-appointment",
    "/submit-job",
    "/app/tasks/receive",
    "/app/tasks/cancel",
)
READS = (
    "/v1/jobs/{}",
    "/v1/jobs/{}/attempts",
    "/job-status/{}",
    "/jobs/status/{}",
    "/job/{}/status",
)
MAIL = {"job_type": "send_email", "priority": "low"}
VISIT = {"date": "01-02-2030", "time": "11:00 am", "description": "dentist"}


# No route takes these.
SHAPES: tuple[Any, ...] = ([], "text", 5, None)

# What is added to {"task": "echo"}, and the place that must be named.
FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"task": 5}, "/task"),
    ({"task": "x" * 65}, "/task"),
    ({"more": 1}, "/more"),
    ({"payload": []}, "/payload"),
    ({"queue": "a b"}, "/queue"),
    ({"queue": ""}, "/queue"),
    ({"queue": "a\n"}, "/queue"),
    ({"delay_seconds": "1"}, "/delay_seconds"),
    ({"delay_seconds": -1}, "/delay_seconds"),
    ({"delay_seconds": 1e300}, "/delay_seconds"),
    ({"run_at": 5}, "/run_at"),
    ({"run_at": "soon"}, "/run_at"),
    ({"run_at": "2030-01-01T00:00:00"}, "/run_at"),
    ({"run_at": "9999-12-31T23:59:59Z"}, "/run_at"),
    ({"run_at": "9999-12-31T23:59:59-14:00"}, "/run_at"),
    ({"run_at": "2030-01-01T00:00:00Z", "delay_seconds": 1}, ""),
    ({"expires_at": 5}, "/expires_at"),
    ({"expires_at": "2030-01-01T00:00:00"}, "/expires_at"),
    ({"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at"),
    ({"expires_at": "0001-01-01T00:00:00+14:00"}, "/expires_at"),
    ({"expires_at": "2030-01-01T00:00:00Z", "run_at": "2030-01-01T00:00:00Z"}, ""),
    ({"retry": {"max_retries": 1, "retry_on": ["a b"]}}, "/retry/retry_on/0"),
    ({"retry": {"max_retries": 1, "give_up_on": "ValueError"}}, "/retry/give_up_on"),
    ({"retry": {"max_retries": 1, "total_seconds": 0}}, "/retry/total_seconds"),
    ({"retry": {"give_up_on": ["ValueError"]}}, "/retry"),
    ({"timeout_seconds": 0}, "/timeout_seconds"),
    ({"timeout_seconds": 1.5}, "/timeout_seconds"),
    ({"result_ttl_seconds": -1}, "/result_ttl_seconds"),
    ({"failure_ttl_seconds": True}, "/failure_ttl_seconds"),
    ({"retry": 3}, "/retry"),
    ({"retry": {"max_retries": -1}}, "/retry/max_retries"),
    ({"retry": {"max_retries": "3"}}, "/retry/max_retries"),
    ({"retry": {"max_retries": True}}, "/retry/max_retries"),
    ({"retry": {"max_retries": 1, "jitter": "0"}}, "/retry/jitter"),
    ({"retry": {"times": 1}}, "/retry/times"),
    ({"retry": {"delays_seconds": 5}}, "/retry/delays_seconds"),
    ({"retry": {"delays_seconds": [[]]}}, "/retry/delays_seconds/0"),
    ({"retry": {"delays_seconds": [True]}}, "/retry/delays_seconds/0"),
    ({"tags": "x"}, "/tags"),
    ({"tags": ["x", ""]}, "/tags/1"),
    ({"tags": ["x"] * 21}, "/tags"),
]

# What the task "add" is given, and the place below /payload that must be named.
PAYLOADS: list[tuple[dict[str, Any], str]] = [
    ({"a": 1}, "/b"),
    ({"a": 1, "b": "2"}, "/b"),
    ({"a": 1, "b": True}, "/b"),
    ({"a": 1, "b": 1.5}, "/b"),
    ({"a": 1, "b": None}, "/b"),
    ({"a": 1, "b": 1, "c/~": 1}, "/c~1~0"),
]

# For each route that takes a body: what it is given, the code, the place that must be named.
BODIES: list[tuple[str, Any, str, str | None]] = [
    *((path, body, "invalid-request", "") for path in POSTS for body in SHAPES),
    *(("/v1/jobs", {"task": "echo", **body}, "invalid-request", at) for body, at in FIELDS),
    *(
        (path, {"task": "add", "payload": body}, "invalid-payload", f"/payload{at}")
        for path in ("/v1/jobs", "/submit-job", "/app/tasks/receive")
        for body, at in PAYLOADS
    ),
    ("/v1/jobs", {}, "invalid-request", "/task"),
    ("/v1/jobs", {"task": "ad"}, "unknown-task", "/task"),
    ("/v1/jobs", {"task": ""}, "unknown-task", "/task"),
    ("/v1/jobs/batch", {}, "invalid-request", "/jobs"),
    ("/v1/jobs/batch", {"jobs": []}, "invalid-request", "/jobs"),
    ("/v1/jobs/batch", {"jobs": [{"task": "echo"}] * 1001}, "invalid-request", "/jobs"),
    ("/v1/jobs/batch", {"jobs": [{"task": "echo"}], "x": 1}, "invalid-request", "/x"),
    ("/job", {}, "invalid-request", "/lowest"),
    ("/job", {"lowest": "2", "highest": 7}, "invalid-request", "/lowest"),
    ("/job", {"lowest": 2, "highest": 7.5}, "invalid-request", "/highest"),
    ("/job", {"lowest": 8, "highest": 7}, "invalid-request", "/highest"),
    ("/schedule-appointment", {}, "invalid-request", "/date"),
    ("/schedule-appointment", {**VISIT, "date": "31-02-2030"}, "invalid-request", "/date"),
    ("/schedule-appointment", {**VISIT, "date": "2030-02-01"}, "invalid-request", "/date"),
    ("/schedule-appointment", {**VISIT, "date": "01-02-0000"}, "invalid-request", "/date"),
    ("/schedule-appointment", {**VISIT, "time": "13:00 am"}, "invalid-request", "/time"),
    ("/schedule-appointment", {**VISIT, "time": "11:00"}, "invalid-request", "/time"),
    ("/schedule-appointment", {**VISIT, "description": 5}, "invalid-request", "/description"),
    ("/submit-job", {}, "invalid-request", ""),
    ("/submit-job", {"task": "echo", "job_type": "send_email"}, "invalid-request", ""),
    ("/submit-job", {"task": 1}, "invalid-request", "/task"),
    ("/submit-job", {"task": "echo", "request_id": ""}, "invalid-request", "/request_id"),
    ("/submit-job", {"task": "heavy"}, "classic-unknown-task", None),
    ("/submit-job", {**MAIL, "job_type": "fax"}, "invalid-request", "/job_type"),
    ("/submit-job", {**MAIL, "priority": "mid"}, "invalid-request", "/priority"),
    ("/submit-job", {**MAIL, "payload": {"to": "x"}}, "invalid-request", "/payload/to"),
    ("/submit-job", {**MAIL, "payload": {"to": "a@b.de"}}, "invalid-request", "/payload/subject"),
    ("/app/tasks/receive", {}, "invalid-request", "/task"),
    ("/app/tasks/receive", {"task": "nope"}, "unknown-task", "/task"),
    ("/app/tasks/receive", {"task": "echo", "queue": "/"}, "invalid-request", "/queue"),
    ("/app/tasks/cancel", {}, "invalid-request", "/job_id"),
    ("/app/tasks/cancel", {"job_id": 5}, "invalid-request", "/job_id"),
    ("/app/tasks/cancel", {"job_id": "nope"}, "job-not-found", None),
]

RAW = [
    (b"", 400, "malformed-json"),
    (b"   ", 400, "malformed-json"),
    (b"{", 400, "malformed-json"),
    (b'{"task": "echo"} x', 400, "malformed-json"),
    (b'{"task": "\xff"}', 400, "malformed-json"),
    ('{"task": "echo"}'.encode("utf-16"), 400, "malformed-json"),
    (b'\xef\xbb\xbf{"task": "echo"}', 400, "malformed-json"),
    (b'{"task": "echo", "payload": {"x": NaN}}', 422, "unsafe-json"),
    (b'{"task": "echo", "payload": {"x": -Infinity}}', 422, "unsafe-json"),
    (b'{"task": "echo", "payload": {"x": 1e999}}', 422, "unsafe-json"),
    (b'{"task": "echo", "payload": {"x": 9223372036854775808}}', 422, "unsafe-json"),
    (b'{"task": "echo", "payload": {"x": 1%s}}' % (b"0" * 5000), 422, "unsafe-json"),
    (b'{"task": "echo", "payload": {"x": "\\ud800"}}', 422, "unsafe-json"),
    (b'{"task": "echo", "payload": {"\\udfff": 1}}', 422, "unsafe-json"),
    (b'{"task": "echo", "payload": {"x": 1, "x": 2}}', 422, "unsafe-json"),
    (b'{"task": "echo", "payload": %s1%s}' % (b'{"x":' * 40, b"}" * 40), 422, "unsafe-json"),
    (b"[" * 100_000, 422, "unsafe-json"),
    (b'{"a":' * 100_000, 422, "unsafe-json"),
    (b'{"task": "echo", "payload": {"x": [%s1]}}' % (b"1," * 100_000), 422, "unsafe-json"),
    (b"[" + b"0" * 10_000_000, 413, "body-too-large"),
]


def stored(client: redis.Redis) -> list[bytes]:
    """Keys in the store, without those of the catalogue."""
    keys = [key for key in client.scan_iter("*") if isinstance(key, bytes)]
    return [key for key in keys if not key.startswith((b"rq:yard:task", b"rq:queues"))]


def places(reply: httpx.Response) -> set[str]:
    found = reply.json()["errors"]
    return {error.get("pointer", error.get("parameter", error.get("header"))) for error in found}


def assert_problem(reply: httpx.Response, status: int, code: str) -> None:
    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"/docs/errors/{code}"
    assert problem["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "body", "code", "place"), BODIES, ids=lambda value: json.dumps(value)[:48]
)
def test_a_body_that_does_not_fit_is_refused_by_its_field(
    api: httpx.Client, client: redis.Redis, *, path: str, body: Any, code: str, place: str | None
) -> None:
    reply = api.post(path, content=json.dumps(body), headers=JSON)

    assert_problem(reply, PROBLEM_TYPES[Code(code)].status, code)
    assert place is None or place in places(reply)
    assert stored(client) == []


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(("raw", "status", "code"), RAW, ids=lambda value: str(value)[:48])
def test_a_body_that_could_not_be_read_back_is_refused(
    api: httpx.Client, client: redis.Redis, *, path: str, raw: bytes, status: int, code: str
) -> None:
    reply = api.post(path, content=raw, headers=JSON)

    assert_problem(reply, status, code)
    assert stored(client) == []


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_another_media_type_is_refused(
    api: httpx.Client, client: redis.Redis, path: str, headers: dict[str, str]
) -> None:
    reply = api.post(path, content=b'{"task": "echo"}', headers=headers)

    assert_problem(reply, 415, "unsupported-media-type")
    assert places(reply) & {"Content-Type", "Content-Encoding"}
    assert stored(client) == []


@pytest.mark.parametrize("path", POSTS)
def test_a_large_body_without_a_length_is_refused_while_it_arrives(
    api: httpx.Client, client: redis.Redis, path: str
) -> None:
    reply = api.post(path, content=(b" " * 65_536 for _ in range(160)), headers=JSON)

    assert_problem(reply, 413, "body-too-large")
    assert stored(client) == []


@pytest.mark.parametrize("path", [*READS, "/v1/tasks/{}"])
@pytest.mark.parametrize(
    "unknown", ["nope", "a.b", "%00", "%F0%9F%98%80", "%ED%A0%80", "..%2F", "x" * 5000, "a:b", "*"]
)
def test_an_unknown_id_is_404(
    api: httpx.Client, client: redis.Redis, path: str, unknown: str
) -> None:
    reply = api.get(path.format(unknown))

    assert_problem(reply, 404, reply.json()["code"])
    assert stored(client) == []


@pytest.mark.parametrize("unknown", ["nope", "a.b", "%00", "x" * 5000])
def test_cancelling_an_unknown_job_is_404(api: httpx.Client, unknown: str) -> None:
    assert_problem(api.post(f"/v1/jobs/{unknown}/cancel"), 404, "job-not-found")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("/v1/jobs?page_size=0", "page_size"),
        ("/v1/jobs?page_size=201", "page_size"),
        ("/v1/jobs?page_size=a", "page_size"),
        ("/v1/jobs?state=done", "state"),
        ("/v1/jobs?states=failed", "states"),
        ("/v1/jobs?queue=a%20b", "queue"),
        ("/v1/jobs?queue=", "queue"),
        ("/v1/jobs?task=%0A", "task"),
        ("/v1/jobs?page_token=zzz", "page_token"),
        ("/v1/jobs?page_token=", "page_token"),
        ("/v1/jobs?page_token=W10", "page_token"),
        ("/v1/jobs?page_token=W05hTiwgIngiXQ", "page_token"),
        ("/v1/jobs?page_token=%F0%9F%98%80", "page_token"),
        ("/rq/jobs/json?state=done", "state"),
        ("/rq/jobs/json?page=0", "page"),
        ("/rq/jobs/json?page=101", "page"),
        ("/rq/jobs/json?queue_name=%00", "queue_name"),
        ("/app/tasks/queued_jobs?limit=0", "limit"),
        ("/app/tasks/failed_jobs?limit=x", "limit"),
        ("/app/tasks/cancelled_jobs?queue=%2F", "queue"),
        ("/app/tasks/finished_jobs?limit=1000000", "limit"),
        ("/send-email/nobody", "email"),
        ("/send-email/a@", "email"),
        ("/send-email/%00@example.com", "email"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_by_its_name(
    api: httpx.Client, client: redis.Redis, query: str, parameter: str
) -> None:
    reply = api.get(query)

    assert_problem(reply, 422, "invalid-request")
    assert parameter in places(reply)
    assert stored(client) == []


@pytest.mark.parametrize("key", ["", "a" * 256, '"', '"a', "a\tb", "\u00e4"])
def test_a_malformed_idempotency_key_is_refused(
    api: httpx.Client, client: redis.Redis, key: str
) -> None:
    headers = httpx.Headers({"Idempotency-Key": key}, encoding="latin-1")

    reply = api.post("/v1/jobs", json={"task": "echo"}, headers=headers)

    assert_problem(reply, 422, "invalid-request")
    assert "Idempotency-Key" in places(reply)
    assert stored(client) == []


def test_one_wrong_job_of_a_batch_does_not_refuse_the_others(api: httpx.Client) -> None:
    jobs = [{"task": "echo"}, {"task": "nope"}, {"task": "add"}, {"task": "echo", "x": 1}, 5, None]

    reply = api.post("/v1/jobs/batch", json={"jobs": jobs})

    results = reply.json()["results"]
    assert reply.status_code == 207
    assert [result["status"] for result in results] == [201, 422, 422, 422, 422, 422]
    assert [result.get("problem", {}).get("code") for result in results] == [
        None, "unknown-task", "invalid-payload", "invalid-request", "invalid-request",
        "invalid-request",
    ]  # fmt: skip
    assert len(api.get("/v1/jobs").json()["jobs"]) == 1


def test_an_unknown_path_is_a_problem(api: httpx.Client) -> None:
    assert_problem(api.get("/v2/jobs"), 404, "path-not-found")
    assert_problem(api.get("/docs/errors/none"), 404, "path-not-found")
    assert_problem(api.get("/static/../main.py"), 404, "path-not-found")
    assert_problem(api.get("/static/nothing.js"), 404, "path-not-found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/queues", {"GET", "HEAD"}),
        ("/v1/jobs", {"GET", "HEAD", "POST"}),
        ("/v1/jobs/batch", {"GET", "HEAD", "POST", "DELETE"}),
        ("/v1/jobs/any/cancel", {"POST"}),
        ("/static/icon.svg", {"GET", "HEAD"}),
    ],
)
@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "PROPFIND"])
def test_an_unknown_method_is_a_problem_that_lists_the_others(
    api: httpx.Client, path: str, method: str, allowed: set[str]
) -> None:
    reply = api.request(method, path)

    assert_problem(reply, 405, "method-not-allowed")
    assert set(reply.headers["allow"].split(", ")) == allowed


def test_the_type_of_a_problem_is_a_page(api: httpx.Client) -> None:
    problem = api.get("/v1/jobs/nope").json()

    page = api.get(problem["type"])

    assert page.status_code == 200
    assert problem["title"] in page.text
