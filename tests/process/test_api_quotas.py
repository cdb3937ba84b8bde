"""Quotas over REST: never more than the quota over all processes, and what clients are told."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.api_server import running_api
from support.keys import make_key, set_quotas
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.servers import RawClient, StoreServer

JOB = {"task": "echo", "payload": {}}
LIMIT = "rq:yard:limit:acme:requests_per_minute"


@pytest.fixture
def guarded(server: StoreServer) -> Iterator[str]:
    """An API that asks for keys."""
    with running_api(server.url, auth="required") as url:
        yield url


def client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


def test_what_is_left_is_in_the_headers(server: StoreServer, guarded: str) -> None:
    set_quotas(server, "acme", requests_per_minute=100, payload_bytes_per_minute=5000)
    with client(guarded, make_key(server, "acme").text) as acme:
        reply = acme.get("/v1/tasks")

    policy = reply.headers["ratelimit-policy"]
    assert policy == '"requests";q=100;w=60, "payload";q=5000;w=60;qu="content-bytes"'
    found = re.fullmatch(
        r'"requests";r=99;t=(\d+), "payload";r=5000;t=(\d+)', reply.headers["ratelimit"]
    )
    assert found
    assert 1 <= int(found[1]) <= 60


def test_the_last_request_passes_and_the_next_is_told_when_to_come_again(
    server: StoreServer, guarded: str
) -> None:
    set_quotas(server, "acme", requests_per_minute=3)
    with client(guarded, make_key(server, "acme").text) as acme:
        replies = [acme.get("/v1/tasks") for _ in range(5)]

    assert [reply.status_code for reply in replies] == [200, 200, 200, 429, 429]
    refused = replies[-1]
    assert refused.json()["code"] == "quota-exhausted"
    assert refused.json()["retryable"] is True
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
    assert refused.headers["ratelimit-policy"] == '"requests";q=3;w=60'


def test_all_keys_of_a_tenant_share_its_quota_and_others_do_not(
    server: StoreServer, guarded: str
) -> None:
    set_quotas(server, "acme", requests_per_minute=2)
    keys = [make_key(server, tenant).text for tenant in ("acme", "acme", "acme", "other", "")]

    statuses = [httpx.get(f"{guarded}/v1/tasks", headers={"X-API-Key": key}) for key in keys]

    assert [reply.status_code for reply in statuses] == [200, 200, 429, 200, 200]
    assert "ratelimit" not in statuses[-1].headers


def test_several_processes_together_never_admit_more(server: StoreServer) -> None:
    set_quotas(server, "acme", requests_per_minute=200)
    key = make_key(server, "acme").text
    statuses: list[int] = []

    def hammer(url: str) -> None:
        with client(url, key) as acme:
            for _ in range(150):
                statuses.append(acme.get("/v1/tasks").status_code)  # noqa: PERF401

    with (
        running_api(server.url, auth="required") as one,
        running_api(server.url, auth="required") as two,
        server.client() as store,
    ):
        window = None
        while window is None or window != _window(store):  # all of them in one window
            statuses.clear()
            store.delete(LIMIT)
            threads = [threading.Thread(target=hammer, args=(url,)) for url in (one, two) * 2]
            for thread in threads:
                thread.start()
            window = wait_for(lambda: _window(store), 10)
            for thread in threads:
                thread.join()

    assert set(statuses) == {200, 429}
    assert 180 <= statuses.count(200) <= 200


def _window(store: RawClient) -> bytes | None:
    start: bytes | None = store.hget(LIMIT, "start")
    return start


def test_bytes_are_counted_before_a_body_is_read(server: StoreServer, guarded: str) -> None:
    set_quotas(server, "acme", payload_bytes_per_minute=1000)
    with client(guarded, make_key(server, "acme").text) as acme:
        small = acme.post("/v1/jobs", json=JOB)
        large = acme.post("/v1/jobs", json={**JOB, "payload": {"text": "x" * 1000}})
        again = acme.post("/v1/jobs", json=JOB)

    assert (small.status_code, large.status_code, again.status_code) == (201, 429, 201)
    assert large.json()["code"] == "quota-exhausted"


def test_bytes_without_a_length_are_counted_as_they_come(server: StoreServer, guarded: str) -> None:
    set_quotas(server, "acme", payload_bytes_per_minute=1000)

    def body() -> Iterator[bytes]:
        yield b'{"task": "echo", "payload": {"text": "'
        for _ in range(20):
            yield b"x" * 100
        yield b'"}}'

    with client(guarded, make_key(server, "acme").text) as acme:
        headers = {"Content-Type": "application/json"}
        reply = acme.post("/v1/jobs", content=body(), headers=headers)

    assert reply.status_code == 429


def test_a_changed_quota_holds_within_seconds(server: StoreServer, guarded: str) -> None:
    set_quotas(server, "acme", requests_per_minute=1)
    with client(guarded, make_key(server, "acme").text) as acme:
        assert [acme.get("/v1/tasks").status_code for _ in range(2)] == [200, 429]

        set_quotas(server, "acme", requests_per_minute=1000)
        wait_for(lambda: acme.get("/v1/tasks").status_code == 200, 10)
        set_quotas(server, "acme")
        wait_for(lambda: "ratelimit" not in acme.get("/v1/tasks").headers, 10)


def test_quotas_are_set_by_operators_and_read_by_their_tenant(
    server: StoreServer, guarded: str
) -> None:
    with (
        client(guarded, make_key(server).text) as operator,
        client(guarded, make_key(server, "acme").text) as acme,
        client(guarded, make_key(server, "other").text) as other,
    ):
        asked = {"requests_per_minute": 60, "waiting_jobs": 5}
        put = operator.put("/v1/quotas/acme", json=asked)
        expected = {"tenant": "acme", "payload_bytes_per_minute": None, **asked}
        assert (put.status_code, put.json()) == (200, expected)
        assert operator.get("/v1/quotas").json()["tenants"] == [expected]
        assert acme.get("/v1/quotas/acme").json() == expected
        assert acme.get("/v1/quotas/other").status_code == 404
        assert other.get("/v1/quotas/acme").status_code == 404
        for path in ("/v1/quotas/acme", "/v1/quotas/other"):
            refused = acme.put(path, json=asked)
            assert (refused.status_code, refused.json()["code"]) == (403, "operators-only")
        assert operator.put("/v1/quotas/a b", json=asked).status_code == 422
        wrong: dict[str, Any] = {"requests_per_minute": -1}
        assert operator.put("/v1/quotas/acme", json=wrong).status_code == 422


def test_the_public_of_the_classic_routes_has_quotas_too(server: StoreServer) -> None:
    set_quotas(server, "public", requests_per_minute=2)
    with running_api(server.url, auth="required", classic_public=True) as url:
        replies = [httpx.get(f"{url}/notifications").status_code for _ in range(3)]
        probes = [httpx.get(f"{url}/livez").status_code for _ in range(3)]

    assert replies == [200, 200, 429]
    assert probes == [200, 200, 200]


def test_a_tenant_has_only_so_many_jobs_waiting(server: StoreServer, guarded: str) -> None:
    set_quotas(server, "acme", waiting_jobs=2)
    with (
        client(guarded, make_key(server, "acme").text) as acme,
        client(guarded, make_key(server, "other").text) as other,
    ):
        replies = [acme.post("/v1/jobs", json=JOB) for _ in range(3)]
        others = other.post("/v1/jobs", json=JOB)

    assert [reply.status_code for reply in replies] == [201, 201, 429]
    assert replies[-1].json()["code"] == "too-many-waiting"
    assert "retry-after" in replies[-1].headers
    assert others.status_code == 201
