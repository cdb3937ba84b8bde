"""A request for each code: its status, its documentation, and the page that its type leads to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

import httpx
import pytest
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from jobyard_api.oversight import Oversight
from jobyard_api.problem_types import PROBLEM_TYPES, Code
from support.api_server import running_api
from support.documented import check_documented

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

    from support.servers import StoreServer

JSON = {"Content-Type": "application/json"}
ECHO = {"task": "echo"}
KEYED = {"Idempotency-Key": "k"}


def refused(method: str, path: str, **options: Any) -> Callable[[httpx.Client], httpx.Response]:
    return lambda api: api.request(method, path, **options)


def posted(body: Any, path: str = "/v1/jobs") -> Callable[[httpx.Client], httpx.Response]:
    return refused("POST", path, json=body)


def _ended(api: httpx.Client) -> httpx.Response:
    job = api.post("/v1/jobs", json=ECHO).json()
    api.post(f"/v1/jobs/{job['id']}/cancel")
    return api.post(f"/v1/jobs/{job['id']}/cancel")


def _other_body(api: httpx.Client) -> httpx.Response:
    api.post("/v1/jobs", json=ECHO, headers=KEYED)
    return api.post("/v1/jobs", json={**ECHO, "payload": {"x": 1}}, headers=KEYED)


def _other_of_a_kind(api: httpx.Client) -> httpx.Response:
    job = {**ECHO, "unique": {"key": "k"}}
    api.post("/v1/jobs", json=job)
    return api.post("/v1/jobs", json=job)


REQUESTS: dict[Code, Callable[[httpx.Client], httpx.Response]] = {
    Code.MALFORMED_JSON: refused("POST", "/v1/jobs", content=b"{", headers=JSON),
    Code.UNSUPPORTED_MEDIA_TYPE: refused("POST", "/v1/jobs", content=b"{}"),
    Code.BODY_TOO_LARGE: refused("POST", "/v1/jobs", content=b" " * 2**21, headers=JSON),
    Code.UNSAFE_JSON: refused("POST", "/v1/jobs", content=b'{"task": NaN}', headers=JSON),
    Code.INVALID_REQUEST: posted({"task": 5}),
    Code.INVALID_PAYLOAD: posted({"task": "add"}),
    Code.UNKNOWN_TASK: posted({"task": "nope"}),
    Code.CLASSIC_UNKNOWN_TASK: posted({"task": "nope"}, "/submit-job"),
    Code.IDEMPOTENCY_CONFLICT: _other_body,
    Code.UNIQUE_CONFLICT: _other_of_a_kind,
    Code.JOB_NOT_FOUND: refused("GET", "/v1/jobs/nope"),
    Code.TASK_NOT_FOUND: refused("GET", "/v1/tasks/nope"),
    Code.QUEUE_NOT_FOUND: refused("GET", "/v1/queues/nope"),
    Code.WORKER_NOT_FOUND: refused("GET", "/v1/workers/nope"),
    Code.PATH_NOT_FOUND: refused("GET", "/nope"),
    Code.METHOD_NOT_ALLOWED: refused("PUT", "/v1/jobs"),
    Code.JOB_ENDED: _ended,
}
"""What an API that is in order answers with these codes."""

ELSEWHERE = {
    Code.QUEUE_FULL,
    Code.UNKNOWN_QUEUE,
    Code.PAYLOAD_TOO_LARGE,
    Code.STORE_UNAVAILABLE,
    Code.STORE_DATA,
    Code.INTERNAL_ERROR,
    Code.BAD_REQUEST,
}
"""Codes that need another API or store; each has a test of its own here."""

WITH_KEYS = {Code.WITHHELD, Code.TOO_MANY_WAITING}
"""Codes of members of a batch, and of requests with a key: see the tests of those."""


def assert_answered(reply: httpx.Response, code: Code) -> None:
    """The problem is of that code, documented, and its type leads to a page about it."""
    kind, problem = PROBLEM_TYPES[code], reply.json()
    assert (reply.status_code, problem["code"]) == (kind.status, code), problem
    assert (problem["status"], problem["title"]) == (kind.status, kind.title)
    assert problem["retryable"] is kind.retryable
    assert problem["detail"]
    assert problem["request_id"] == reply.headers["x-request-id"]
    assert isinstance(problem["errors"], list)
    check_documented(reply)


def test_there_is_a_request_for_every_code() -> None:
    assert REQUESTS.keys() | ELSEWHERE | WITH_KEYS == set(Code)


@pytest.mark.parametrize("code", REQUESTS)
def test_a_request_is_answered_with_its_code(api: httpx.Client, code: Code) -> None:
    assert_answered(REQUESTS[code](api), code)


@pytest.mark.parametrize("code", Code)
def test_the_type_of_a_problem_leads_to_a_page_about_it(api: httpx.Client, code: Code) -> None:
    page = api.get(PROBLEM_TYPES[code].path)

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert f"<code>{code}</code>" in page.text


def test_a_queue_that_nobody_declared(server: StoreServer) -> None:
    with running_api(server.url, any_queue=False) as url, httpx.Client(base_url=url) as http:
        reply = http.post("/v1/jobs", json={**ECHO, "queue": "nope"})

    assert_answered(reply, Code.UNKNOWN_QUEUE)


def test_a_queue_that_is_full(server: StoreServer) -> None:
    with running_api(server.url, max_queue_depth=1) as url, httpx.Client(base_url=url) as http:
        http.post("/v1/jobs", json=ECHO)
        reply = http.post("/v1/jobs", json=ECHO)

    assert_answered(reply, Code.QUEUE_FULL)
    assert int(reply.headers["retry-after"]) > 0


def test_a_payload_beyond_the_bound(server: StoreServer) -> None:
    job = {**ECHO, "payload": {"x": "x" * 20_000}}
    with (
        running_api(server.url, max_payload_bytes=10_000, large_bytes=5_000) as url,
        httpx.Client(base_url=url) as http,
    ):
        reply = http.post("/v1/jobs", json=job)

    assert_answered(reply, Code.PAYLOAD_TOO_LARGE)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/jobs", ECHO),
        ("GET", "/v1/jobs", None),
        ("GET", "/v1/jobs/x", None),
        ("POST", "/v1/jobs/x/cancel", None),
        ("GET", "/v1/queues", None),
        ("POST", "/v1/queues/default/pause", None),
        ("POST", "/v1/queues/default/purge", {"confirm": "default"}),
        ("GET", "/v1/workers", None),
        ("POST", "/v1/workers/w/drain", None),
        ("GET", "/readyz", None),
    ],
)
def test_a_store_that_does_not_answer(method: str, path: str, body: Any) -> None:
    with running_api("redis://127.0.0.1:1") as url, httpx.Client(base_url=url) as http:
        reply = http.request(method, path, json=body)

    assert_answered(reply, Code.STORE_UNAVAILABLE)
    assert int(reply.headers["retry-after"]) > 0


def test_a_key_of_a_foreign_type(api: httpx.Client, client: redis.Redis) -> None:
    client.set("rq:queue:broken", "foreign")

    reply = api.post("/v1/jobs", json={**ECHO, "queue": "broken"})

    assert_answered(reply, Code.STORE_DATA)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ZeroDivisionError("a secret"), Code.INTERNAL_ERROR),
        (HTTPException(418, "an error of the framework's"), Code.BAD_REQUEST),
    ],
)
def test_an_error_that_nobody_expected(
    api_url: str, monkeypatch: pytest.MonkeyPatch, error: Exception, code: Code
) -> None:
    async def fail(_: Oversight) -> NoReturn:
        raise error

    monkeypatch.setattr(Oversight, "queues", fail)
    with capture_logs() as lines:
        reply = httpx.get(f"{api_url}/v1/queues", headers={"X-Request-ID": "r-1"})

    kind, problem = PROBLEM_TYPES[code], reply.json()
    assert (reply.status_code, problem["code"]) == (kind.status, code)
    assert problem["request_id"] == "r-1"
    assert "secret" not in json.dumps(problem)
    crashed = any(line["event"] == "request.crashed" for line in lines)
    assert crashed is (code is Code.INTERNAL_ERROR)
