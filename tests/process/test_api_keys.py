"""Keys over REST: who is refused and how, what a key may give, how it ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jobyard.api_keys import Scope, new_api_key
from support.api_server import running_api
from support.keys import make_key, revoke
from support.signed_in import SignedIn, signed_in
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from support.servers import StoreServer

JOB = {"task": "add", "payload": {"a": 1, "b": 2}}


def run(
    server: StoreServer, scenario: Callable[[SignedIn], Awaitable[Any]], **settings: Any
) -> Any:
    async def main() -> Any:
        async with signed_in(server, **settings) as clients:
            return await scenario(clients)

    return asyncio.run(main())


@pytest.fixture
def guarded(server: StoreServer) -> Iterator[str]:
    """An API that asks for keys."""
    with running_api(server.url, auth="required") as url:
        yield url


def get(url: str, key: str, path: str = "/v1/jobs") -> httpx.Response:
    return httpx.get(f"{url}{path}", headers={"Authorization": f"Bearer {key}"})


def is_refused(url: str, key: str) -> bool:
    return get(url, key).status_code == 401


def test_without_a_key_the_answer_is_a_challenge(guarded: str) -> None:
    reply = httpx.get(f"{guarded}/v1/jobs")

    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"] == 'Bearer realm="jobyard"'
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/static/icon.svg", "/docs/errors", "/sign-in"]
)
def test_probes_and_the_way_in_need_no_key(guarded: str, path: str) -> None:
    assert httpx.get(f"{guarded}{path}").status_code == 200


def test_a_refused_body_is_not_even_read(guarded: str) -> None:
    reply = httpx.post(f"{guarded}/v1/jobs", content=b"{" * 10, headers={"Content-Type": "text/x"})

    assert reply.status_code == 401


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_opens_what_it_is_for(server: StoreServer, guarded: str, header: str) -> None:
    key = make_key(server, scopes=[Scope.JOBS_WRITE])
    headers = {header: f"Bearer {key.text}" if header == "Authorization" else key.text}

    assert httpx.post(f"{guarded}/v1/jobs", json=JOB, headers=headers).status_code == 201
    refused = httpx.get(f"{guarded}/v1/jobs", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing-scope")
    assert refused.json()["missing_scopes"] == ["jobs:read"]


@pytest.mark.parametrize(
    "header",
    ["Bearer yd_nonsense", "Basic dXNlcjpwYXNz", "Bearer", "yd_", "bearer \xff"],
)
def test_what_is_no_key_is_refused(guarded: str, header: str) -> None:
    headers = {b"Authorization": header.encode("latin-1")}
    reply = httpx.get(f"{guarded}/v1/jobs", headers=headers)

    assert reply.status_code == 401
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]


def test_an_unknown_key_is_refused(guarded: str) -> None:
    assert get(guarded, new_api_key().text).status_code == 401


def test_an_expired_key_is_refused(server: StoreServer, guarded: str) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    key = make_key(server, expires_at=past)

    assert get(guarded, key.text).status_code == 401


def test_a_key_expires_while_it_is_used(server: StoreServer, guarded: str) -> None:
    key = make_key(server, expires_at=datetime.now(UTC) + timedelta(seconds=2))
    assert get(guarded, key.text).status_code == 200

    wait_for(lambda: get(guarded, key.text).status_code == 401, 10)


def test_a_revoked_key_ends_in_every_process(server: StoreServer, guarded: str) -> None:
    key = make_key(server)
    with running_api(server.url, auth="required") as other:
        assert {get(url, key.text).status_code for url in (guarded, other)} == {200}

        revoke(server, key.id)

        for url in (guarded, other):
            wait_for(partial(is_refused, url, key.text), 10)


def test_the_first_key_closes_an_open_api(server: StoreServer) -> None:
    with running_api(server.url) as url:
        assert httpx.get(f"{url}/v1/jobs").status_code == 200

        key = make_key(server)

        wait_for(lambda: httpx.get(f"{url}/v1/jobs").status_code == 401, 10)
        assert get(url, key.text).status_code == 200
        revoke(server, key.id)
        wait_for(lambda: get(url, key.text).status_code == 401, 10)
        assert httpx.get(f"{url}/v1/jobs").status_code == 401


def test_an_open_api_answers_to_this_machines_names_only(server: StoreServer) -> None:
    with running_api(server.url) as url:
        rebound = httpx.get(f"{url}/v1/jobs", headers={"Host": "evil.example"})
        elsewhere = httpx.post(f"{url}/v1/jobs", json=JOB, headers={"Sec-Fetch-Site": "cross-site"})
        own = httpx.post(f"{url}/v1/jobs", json=JOB, headers={"Sec-Fetch-Site": "same-origin"})

    assert rebound.status_code == elsewhere.status_code == 403
    assert rebound.json()["code"] == elsewhere.json()["code"] == "cross-site-request"
    assert own.status_code == 201


def test_the_bootstrap_key_may_do_everything_and_is_not_stored(server: StoreServer) -> None:
    key = new_api_key().text
    with running_api(server.url, bootstrap_key=key) as url:
        assert httpx.get(f"{url}/v1/jobs").status_code == 401
        made = httpx.post(
            f"{url}/v1/api-keys",
            json={"name": "n", "scopes": [str(scope) for scope in Scope]},
            headers={"Authorization": f"Bearer {key}"},
        )
        assert made.status_code == 201
        assert get(url, made.json()["key"]).status_code == 200
    with server.client() as client:
        held = [client.dump(name) for name in client.scan_iter()]
    assert not any(key.encode() in (value or b"") for value in held)


def test_keys_are_made_listed_and_revoked(server: StoreServer) -> None:
    async def scenario(clients: SignedIn) -> None:
        operator = await clients.client(None)
        made = await operator.post(
            "/v1/api-keys", json={"name": "shop", "tenant": "acme", "scopes": ["jobs:read"]}
        )
        key = made.json()
        assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
        assert made.headers["location"] == f"/v1/api-keys/{key['id']}"
        found = (await operator.get(made.headers["location"])).json()
        assert found == {name: value for name, value in key.items() if name != "key"}
        listed = (await operator.get("/v1/api-keys")).json()["api_keys"]
        assert found in listed
        assert key["key"] not in str(listed)
        assert (await operator.delete(made.headers["location"])).status_code == 204
        assert (await operator.delete(made.headers["location"])).status_code == 404

    run(server, scenario)


def test_a_key_gives_only_what_it_has(server: StoreServer) -> None:
    async def scenario(clients: SignedIn) -> None:
        scopes = [Scope.KEYS_ADMIN, Scope.JOBS_READ]
        acme = await clients.client("acme", scopes)

        async def ask(**fields: Any) -> httpx.Response:
            return await acme.post("/v1/api-keys", json={"name": "n", **fields})

        own = await ask(scopes=["jobs:read"])
        assert (own.status_code, own.json()["tenant"]) == (201, "acme")
        assert (await ask(scopes=["jobs:read"], tenant="acme")).status_code == 201
        beyond = await ask(scopes=["jobs:read", "jobs:write"])
        assert (beyond.status_code, beyond.json()["code"]) == (403, "beyond-own-scopes")
        assert beyond.json()["missing_scopes"] == ["jobs:write"]
        assert (await ask(scopes=["jobs:read"], tenant="other")).status_code == 403
        operator = await clients.client(None, scopes)
        asked = {"name": "n", "scopes": ["payloads:read"]}
        assert (await operator.post("/v1/api-keys", json=asked)).status_code == 403

    run(server, scenario)


def test_a_tenant_sees_its_own_keys_only(server: StoreServer) -> None:
    async def scenario(clients: SignedIn) -> None:
        acme, other = await clients.client("acme"), await clients.client("other")
        [key] = (await acme.get("/v1/api-keys")).json()["api_keys"]
        assert key["tenant"] == "acme"
        path = f"/v1/api-keys/{key['id']}"
        assert (await other.get(path)).status_code == 404
        assert (await other.delete(path)).status_code == 404
        assert (await acme.get(path)).status_code == 200

    run(server, scenario)


def test_when_a_key_was_last_used_is_noted(server: StoreServer) -> None:
    with running_api(server.url, auth="required") as url:
        key = make_key(server)

        def used() -> Any:
            return get(url, key.text, f"/v1/api-keys/{key.id}").json()["last_used_at"]

        assert wait_for(used, 10)


def test_who_asks_is_refused_with_503_while_the_store_is_away(server: StoreServer) -> None:
    with running_api(server.url, auth="required") as url:
        key = make_key(server)
        assert get(url, key.text).status_code == 200
        server.pause()
        try:
            wait_for(lambda: get(url, key.text, "/v1/tasks").status_code == 503, 10)
            assert httpx.get(f"{url}/livez").status_code == 200
            assert get(url, key.text, "/livez").status_code == 200
        finally:
            server.resume()
        wait_for(lambda: get(url, key.text, "/v1/tasks").status_code == 200, 10)


def test_public_classic_routes_are_a_tenant_of_their_own(server: StoreServer) -> None:
    async def scenario(clients: SignedIn) -> None:
        old = await clients.with_headers({})
        acme = await clients.client("acme")
        others = (await acme.post("/v1/jobs", json=JOB)).json()["id"]
        made = await old.post("/submit-job", json={"task": "add", "payload": {"a": 1, "b": 2}})
        assert made.status_code == 200
        job_id = made.json()["job_id"]
        found = (await old.get(f"/job-status/{job_id}")).json()
        assert found["meta"]["payload"] == {"a": 1, "b": 2}
        assert (await old.get(f"/job-status/{others}")).status_code == 404
        assert (await old.get("/")).status_code == 200
        for path in ("/v1/jobs", "/rq/jobs/json", "/openapi.json", "/v1/api-keys"):
            assert (await old.get(path)).status_code == 401
        assert (await acme.get(f"/v1/jobs/{job_id}")).status_code == 404
        operator = await clients.client(None)
        assert (await operator.get(f"/v1/jobs/{job_id}")).status_code == 200

    run(server, scenario, classic_public=True)


def test_classic_routes_need_a_key_like_all_others(server: StoreServer) -> None:
    async def scenario(clients: SignedIn) -> None:
        nobody = await clients.with_headers({})
        assert (await nobody.get("/notifications")).status_code == 401
        assert (await nobody.get("/send-email/a@example.com")).status_code == 401

    run(server, scenario)


def test_a_stream_that_is_open_ends_with_its_key(server: StoreServer, guarded: str) -> None:
    key = make_key(server)
    headers = {"Authorization": f"Bearer {key.text}"}

    with httpx.stream("GET", f"{guarded}/v1/events", headers=headers, timeout=60) as stream:
        assert stream.status_code == 200
        revoke(server, key.id)
        stream.read()

    assert get(guarded, key.text).status_code == 401


def test_a_stream_of_nobody_ends_with_the_first_key(server: StoreServer) -> None:
    with (
        running_api(server.url) as url,
        httpx.stream("GET", f"{url}/v1/events", timeout=60) as stream,
    ):
        assert stream.status_code == 200
        make_key(server)
        stream.read()

        assert httpx.get(f"{url}/v1/jobs").status_code == 401
