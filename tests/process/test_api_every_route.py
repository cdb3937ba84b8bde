"""What must hold on every route that there is: walked from the application, so new ones are too."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.api_keys import Scope
from jobyard.connection import connect
from jobyard.settings import Settings
from jobyard.store import Store, calls
from jobyard.store.records.delivery import ErrorInfo, Failed, Succeeded
from jobyard_api.access import GuardedRoute
from support.builders import build_nonce, build_settlement
from support.every_route import BODIES, ROUTES, contexts, filled
from support.keys import make_key, set_quotas
from support.signed_in import SignedIn, signed_in

if TYPE_CHECKING:
    import httpx

    from support.servers import StoreServer

PUBLIC = {"/livez", "/readyz", "/sign-in", "/docs/errors", "/docs/errors/{code}"}
MOUNTS = {"/static", "/docs/assets"}
SECRET = "do-not-show-me"
IDS = {"job_id", "key_id", "tenant"}
"""Parameters of paths that name what belongs to a tenant."""

NOT_OWNED = {"name", "code", "email", "queue", "worker", "queue_name", "service"}
"""Parameters that name what belongs to no tenant."""


NAMES = [f"{method} {path}" for method, path, _ in ROUTES]


def test_every_route_says_what_it_needs() -> None:
    """Default deny: what is no guarded route is one of the folders of public files."""
    others = [one for one in contexts() if not isinstance(one.original_route, GuardedRoute)]

    assert {one.path for one in others} == MOUNTS
    assert {path for _, path, route in ROUTES if route.need.is_public} == PUBLIC


def test_every_change_is_audited_but_submissions() -> None:
    silent = {
        path
        for _, path, route in ROUTES
        if route.changes and not route.need.is_audited and not route.need.is_public
    }

    assert silent == {
        "/v1/jobs", "/v1/jobs/batch", "/app/tasks/receive", "/job", "/schedule-appointment",
        "/submit-job", "/send-email/{email}",  # submissions
        "/v1/api-keys", "/v1/api-keys/{key_id}", "/v1/quotas/{tenant}", "/sign-out",
        "/v1/log-levels/{service}",  # one step
    }  # fmt: skip


def test_every_parameter_of_a_path_is_known_to_these_tests() -> None:
    names = {name for _, _, route in ROUTES for name in route.param_convertors}

    assert names <= IDS | NOT_OWNED


def test_no_route_but_the_public_ones_answers_without_a_key(server: StoreServer) -> None:
    async def scenario() -> dict[str, int]:
        async with signed_in(server) as clients:
            nobody = await clients.with_headers({})
            sent = {
                f"{method} {path}": await nobody.request(method, _example(path))
                for method, path, route in ROUTES
                if not route.need.is_public
            }
            return {name: reply.status_code for name, reply in sent.items()}

    statuses = asyncio.run(scenario())
    assert set(statuses.values()) == {401}


def test_no_route_answers_a_key_without_scopes_that_it_needs(server: StoreServer) -> None:
    async def scenario() -> dict[str, int]:
        found = {}
        async with signed_in(server) as clients:
            for scope in Scope:
                client = await clients.client(None, [scope])
                for method, path, route in ROUTES:
                    if route.need.scopes - {scope}:
                        reply = await client.request(method, _example(path))
                        found[f"{scope} {method} {path}"] = reply.status_code
        return found

    statuses = asyncio.run(scenario())
    assert statuses
    assert set(statuses.values()) == {403}


@pytest.mark.parametrize("name", sorted(IDS))
def test_another_tenants_thing_is_as_one_that_never_was(server: StoreServer, name: str) -> None:
    """The same status, headers and body, whatever was asked."""

    async def scenario() -> list[str]:
        wrong = []
        async with signed_in(server) as clients:
            acme, other = await clients.client("acme"), await clients.client("other")
            for method, path, route in ROUTES:
                if name not in route.param_convertors or route.need.is_for_operators:
                    continue
                thing, nothing = await _things(server, acme, name)
                body = BODIES.get(route.operation_id)
                theirs = await other.request(method, filled(path, {name: thing}), json=body)
                none = await other.request(method, filled(path, {name: nothing}), json=body)
                if _shape(theirs, thing) != _shape(none, nothing) or theirs.status_code != 404:
                    wrong.append(
                        f"{method} {path}: {_shape(theirs, thing)} {_shape(none, nothing)}"
                    )
        return wrong

    assert asyncio.run(scenario()) == []


def test_another_tenants_job_in_a_body_is_as_one_that_never_was(server: StoreServer) -> None:
    async def scenario() -> None:
        async with signed_in(server) as clients:
            acme, other = await clients.client("acme"), await clients.client("other")
            thing, nothing = await _things(server, acme, "job_id")
            replies = [
                await other.post("/app/tasks/cancel", json={"job_id": job_id})
                for job_id in (thing, nothing)
            ]
            assert _shape(replies[0], thing) == _shape(replies[1], nothing)
            assert replies[0].status_code == 404

    asyncio.run(scenario())


def test_no_route_shows_payloads_without_their_scope(server: StoreServer) -> None:
    """Jobs of every kind carry a secret in each part that is to be withheld."""
    jobs = _secret_jobs(server)
    scopes = [scope for scope in Scope if scope is not Scope.PAYLOADS_READ]

    async def scenario() -> list[str]:
        async with signed_in(server) as clients:
            reader = await clients.client(None, scopes)
            seer = await clients.client(None)
            shown = json.dumps([(await seer.get(f"/v1/jobs/{job}")).json() for job in jobs])
            assert shown.count(SECRET) >= len(jobs)
            return [line async for line in _leaks(reader, jobs)]

    assert asyncio.run(scenario()) == []


async def _leaks(reader: httpx.AsyncClient, jobs: list[str]) -> Any:
    for method, path, route in ROUTES:
        if method != "GET" or route.need.acts or "events" in path:
            continue  # streams have a test of their own
        for job in jobs if "{job_id}" in path else [""]:
            reply = await reader.get(filled(_example(path, job or "x"), {}))
            if SECRET in reply.text:
                yield f"{method} {path}"


async def _things(server: StoreServer, acme: httpx.AsyncClient, name: str) -> tuple[str, str]:
    """Something of acme's, and the name of something that is nobody's."""
    if name == "tenant":
        set_quotas(server, "acme", waiting_jobs=1000)
        return "acme", "acmf"
    if name == "key_id":
        return make_key(server, "acme").id, "0" * 12
    made = await acme.post("/v1/jobs", json={"task": "echo"})
    job_id = made.raise_for_status().json()["id"]
    return job_id, "0" * len(job_id)


def _shape(reply: httpx.Response, thing: str) -> tuple[int, dict[str, str], str]:
    """All that a caller can compare, without what differs by itself."""
    body = reply.json()
    headers = dict(reply.headers)
    for changing in ("x-request-id", "date", "server-timing"):
        headers.pop(changing, None)
    body.pop("request_id", None)
    body.pop("trace_id", None)
    return reply.status_code, headers, json.dumps(body).replace(thing, "<thing>")


def _example(path: str, job_id: str = "some-job") -> str:
    values = {"job_id": job_id, "email": "a@example.com", "code": "bad-request"}
    names = {name: values.get(name, "some-name") for name in IDS | NOT_OWNED}
    return filled(path, names)


def _secret_jobs(server: StoreServer) -> list[str]:
    """One that waits, one that runs, one that succeeded, one that failed; of two submissions."""
    settings = Settings.load(redis_url=server.url, _env_file=None)
    store = Store(connect(settings), settings.keys)
    jobs = asyncio.run(_submit_secrets(server))
    store.run(calls.join("w", pool="p", slots=8, lease_seconds=60))
    claimed = {
        job.id: job for job in store.run(calls.claim("w", build_nonce(), ["default"], 3)).jobs
    }
    running, ended, failed = (claimed[job] for job in list(claimed)[:3])
    for job in claimed.values():
        store.run(calls.progress(job.id, job.token, json.dumps({"at": SECRET}).encode()))
    error = ErrorInfo("ValueError", f"boom {SECRET}", f"Traceback {SECRET}")
    done = build_settlement("succeeded", ended, result=json.dumps(SECRET).encode())
    assert isinstance(done, Succeeded)
    broken = build_settlement("failed", failed, error=error)
    assert isinstance(broken, Failed)
    store.run(calls.settle("w", [done, broken]))
    store.close()
    assert running.id in jobs
    return jobs


async def _submit_secrets(server: StoreServer) -> list[str]:
    async with signed_in(server) as clients:
        return await _submitted(clients)


async def _submitted(clients: SignedIn) -> list[str]:
    operator = await clients.client(None)
    payload = {"secret": SECRET}
    jobs = []
    for _ in range(2):
        made = await operator.post("/v1/jobs", json={"task": "echo", "payload": payload})
        jobs.append(made.raise_for_status().json()["id"])
        stamped = await operator.post("/submit-job", json={"task": "echo", "payload": payload})
        jobs.append(stamped.raise_for_status().json()["job_id"])
    return jobs
