"""A request for each code: its status, its documentation, and the page that its type leads to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import httpx
import pytest
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from jobyard.api_keys import Scope
from jobyard.store import calls
from jobyard_api.oversight import Oversight
from jobyard_api.problem_types import PROBLEM_TYPES, Code
from support.api_server import running_api
from support.builders import build_nonce
from support.documented import check_documented
from support.keys import make_key, set_quotas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import redis

    from jobyard.store import Store
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


def _submitted(api: httpx.Client) -> str:
    return str(api.post("/v1/jobs", json=ECHO).json()["id"])


def _claimed(api: httpx.Client, store: Store) -> str:
    job_id = _submitted(api)
    store.run(calls.join("w1", pool="p", slots=1, lease_seconds=60))
    store.run(calls.claim("w1", build_nonce(), ("default",), 1))
    return job_id


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
    Code.JOB_WAITING: lambda api: api.post(f"/v1/jobs/{_submitted(api)}/retry"),
    Code.URL_TOO_LONG: refused("GET", f"/v1/jobs?task={'x' * 20_000}"),
    Code.HEADERS_TOO_LARGE: refused("GET", "/v1/jobs", headers={"X-Long": "x" * 100_000}),
    Code.CROSS_SITE_REQUEST: refused(
        "POST", "/v1/jobs", json=ECHO, headers={"Sec-Fetch-Site": "cross-site"}
    ),
}
"""What an API that is in order answers with these codes."""

WITH_KEYS: dict[Code, Callable[[StoreServer, str], httpx.Response]] = {
    Code.UNAUTHENTICATED: lambda _, url: httpx.get(f"{url}/v1/jobs"),
    Code.MISSING_SCOPE: lambda server, url: asked(
        server, url, "GET", "/v1/jobs", scopes=[Scope.JOBS_WRITE]
    ),
    Code.OPERATORS_ONLY: lambda server, url: asked(
        server, url, "POST", "/v1/queues/default/pause", tenant="acme"
    ),
    Code.BEYOND_OWN_SCOPES: lambda server, url: asked(
        server, url, "POST", "/v1/api-keys", scopes=[Scope.KEYS_ADMIN],
        json={"name": "n", "scopes": ["jobs:write"]},
    ),
    Code.KEY_NOT_FOUND: lambda server, url: asked(server, url, "GET", "/v1/api-keys/nope"),
    Code.TENANT_NOT_FOUND: lambda server, url: asked(
        server, url, "GET", "/v1/quotas/other", tenant="acme"
    ),
    Code.QUOTA_EXHAUSTED: lambda server, url: asked_twice(
        server, url, "GET", "/v1/tasks", requests_per_minute=1
    ),
    Code.TOO_MANY_WAITING: lambda server, url: asked_twice(
        server, url, "POST", "/v1/jobs", json=ECHO, waiting_jobs=1
    ),
}  # fmt: skip
"""What an API that asks for keys answers with these codes."""

ALONE = {
    Code.JOB_RUNNING,
    Code.UNKNOWN_QUEUE,
    Code.QUEUE_FULL,
    Code.PAYLOAD_TOO_LARGE,
    Code.STORE_UNAVAILABLE,
    Code.STORE_DATA,
    Code.INTERNAL_ERROR,
    Code.BAD_REQUEST,
}
"""Codes that need an API or a store of their own; each has a test here."""

ELSEWHERE = {
    Code.REQUEST_TIMEOUT: "test_api_connections.py",
    Code.SHUTTING_DOWN: "test_api_drain.py",
    Code.WITHHELD: "test_api_submission.py",
}
"""Codes of other tests: they need a slow client, an end, or a batch."""


def asked(
    server: StoreServer,
    url: str,
    method: str,
    path: str,
    *,
    tenant: str = "",
    scopes: Iterable[Scope] = tuple(Scope),
    **options: Any,
) -> httpx.Response:
    """The answer to a request with a new key."""
    headers = {"Authorization": f"Bearer {make_key(server, tenant, scopes).text}"}
    return httpx.request(method, f"{url}{path}", headers=headers, **options)


def asked_twice(
    server: StoreServer, url: str, method: str, path: str, *, json: Any = None, **quotas: int
) -> httpx.Response:
    """The answer to the second request of a tenant with these quotas."""
    set_quotas(server, "acme", **quotas)
    asked(server, url, method, path, tenant="acme", json=json)
    return asked(server, url, method, path, tenant="acme", json=json)


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
    assert REQUESTS.keys() | WITH_KEYS.keys() | ALONE | ELSEWHERE.keys() == set(Code)


@pytest.mark.parametrize("code", ELSEWHERE)
def test_a_code_of_another_test_is_named_there(code: Code) -> None:
    assert f'"{code}"' in (Path(__file__).parent / ELSEWHERE[code]).read_text("utf-8")


@pytest.mark.parametrize("code", REQUESTS)
def test_a_request_is_answered_with_its_code(api: httpx.Client, code: Code) -> None:
    assert_answered(REQUESTS[code](api), code)


@pytest.fixture
def guarded(server: StoreServer) -> Iterator[str]:
    """An API that asks for keys."""
    with running_api(server.url, auth="required") as url:
        yield url


@pytest.mark.parametrize("code", WITH_KEYS)
def test_a_request_to_who_asks_for_keys_is_answered_with_its_code(
    server: StoreServer, guarded: str, code: Code
) -> None:
    assert_answered(WITH_KEYS[code](server, guarded), code)


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


def test_a_job_that_runs(api: httpx.Client, store: Store) -> None:
    reply = api.delete(f"/v1/jobs/{_claimed(api, store)}")

    assert_answered(reply, Code.JOB_RUNNING)


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
