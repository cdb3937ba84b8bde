"""The audit log: one entry for each change, whoever made it, and nothing is lost in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from jobyard.api_keys import Scope
from support.api_server import running_api
from support.keys import make_key
from support.rest import Rest
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.processes import Services
    from support.servers import StoreServer

JOB = {"task": "echo", "payload": {}}


@pytest.fixture
def url(server: StoreServer) -> Iterator[str]:
    """An API that asks for keys."""
    with running_api(server.url, auth="required") as url:
        yield url


def client(server: StoreServer, url: str, tenant: str = "", *scopes: Scope) -> httpx.Client:
    key = make_key(server, tenant, scopes or tuple(Scope), name=f"{tenant or 'ops'} key")
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key.text}"}, timeout=30)


def events(operator: httpx.Client, action: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = operator.get("/v1/audit-events").json()["audit_events"]
    return [event for event in found if not action or event["action"] == action]


def test_a_change_says_who_did_what_from_where(server: StoreServer, url: str) -> None:
    with client(server, url) as operator, client(server, url, "acme") as acme:
        job_id = acme.post("/v1/jobs", json=JOB).json()["id"]
        acme.post(f"/v1/jobs/{job_id}/cancel")
        [event] = events(operator, "cancel_job")

    assert event["actor"] == "acme key"
    assert event["key_id"]
    assert (event["tenant"], event["target"]) == ("acme", job_id)
    assert (event["outcome"], event["source"]) == ("done 200", "127.0.0.1")


def test_what_was_refused_changed_nothing_and_leaves_no_entry(
    server: StoreServer, url: str
) -> None:
    with client(server, url) as operator:
        assert operator.post("/v1/jobs/unknown/cancel").status_code == 404
        assert operator.post("/app/tasks/cancel", content="{").status_code == 415

        assert events(operator, "cancel_job") == events(operator, "classic_cancel") == []


def test_the_target_of_a_classic_cancel_is_named(server: StoreServer, url: str) -> None:
    with client(server, url) as operator:
        job_id = operator.post("/v1/jobs", json=JOB).json()["id"]
        operator.post("/app/tasks/cancel", json={"job_id": job_id})
        [event] = events(operator, "classic_cancel")

    assert event["target"] == job_id


def test_a_scope_that_is_missing_is_noted_now_and_then(server: StoreServer, url: str) -> None:
    with client(server, url) as operator, client(server, url, "acme", Scope.JOBS_READ) as acme:
        assert acme.post("/v1/jobs/any/cancel").status_code == 403
        [event] = wait_for(lambda: events(operator, "authenticate"), 10)

    assert (event["actor"], event["outcome"]) == ("acme key", "refused")
    assert event["detail"].startswith("missing-scope for cancel_job")


def test_submissions_and_reading_leave_no_entry(server: StoreServer, url: str) -> None:
    with client(server, url) as operator:
        before = events(operator)
        operator.post("/v1/jobs", json=JOB)
        operator.get("/v1/jobs")

        assert events(operator) == before


def test_keys_quotas_and_sessions_are_in_it_without_secrets(server: StoreServer, url: str) -> None:
    with client(server, url) as operator:
        made = operator.post("/v1/api-keys", json={"name": "n", "scopes": ["jobs:read"]}).json()
        operator.put("/v1/quotas/acme", json={"waiting_jobs": 5})
        operator.delete(f"/v1/api-keys/{made['id']}")
        httpx.post(f"{url}/sign-in", data={"key": made["key"]})
        found = events(operator)

    actions = [event["action"] for event in found]
    assert {"create_api_key", "set_quotas", "revoke_api_key"} <= set(actions)
    assert made["key"] not in str(found)


def test_signing_in_and_out_is_in_it(server: StoreServer, url: str) -> None:
    key = make_key(server, "acme")
    with client(server, url) as operator, httpx.Client(base_url=url) as browser:
        browser.post("/sign-in", data={"key": key.text})
        token = browser.cookies["jobyard_csrf"]
        headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": token}
        assert browser.post("/sign-out", headers=headers).status_code == 204

        for action in ("sign_in", "sign_out"):
            [event] = events(operator, action)
            assert (event["target"], event["tenant"]) == (key.id, "acme")


def test_refused_keys_are_noted_now_and_then(server: StoreServer, url: str) -> None:
    with client(server, url) as operator:
        for _ in range(20):
            httpx.get(f"{url}/v1/jobs", headers={"X-API-Key": "yd_wrong"})
        found = wait_for(lambda: events(operator, "authenticate"), 10)

    assert len(found) < 20
    assert {event["outcome"] for event in found} == {"refused"}
    assert "yd_wrong" not in str(found)


def cancelled(client: httpx.Client) -> str:
    job_id: str = client.post("/v1/jobs", json=JOB).json()["id"]
    client.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    return job_id


def test_a_tenant_lists_what_its_own_keys_did(server: StoreServer, url: str) -> None:
    with client(server, url, "acme") as acme, client(server, url, "other") as other:
        jobs = [cancelled(acme), cancelled(other)]

        assert [event["target"] for event in events(acme, "cancel_job")] == jobs[:1]
        assert [event["target"] for event in events(other, "cancel_job")] == jobs[1:]


def test_the_log_is_listed_in_pages(server: StoreServer, url: str) -> None:
    with client(server, url) as operator:
        jobs = [cancelled(operator) for _ in range(5)]
        seen: list[str] = []
        token = None
        while len(seen) < 5:
            query: dict[str, Any] = {"page_size": 2} | ({"page_token": token} if token else {})
            page = operator.get("/v1/audit-events", params=query).json()
            seen += [event["target"] for event in page["audit_events"]]
            token = page["next_page_token"]

    assert seen[:5] == jobs[::-1]


def test_a_change_whose_entry_cannot_be_written_is_not_answered_as_done(
    services: Services, server: StoreServer
) -> None:
    key = make_key(server).text
    with Rest(services, JOBYARD_AUTH="required") as api:
        api.http.headers["Authorization"] = f"Bearer {key}"
        job_id = api.submit("echo")["id"]
        with server.client() as store:
            store.delete("rq:yard:audit")
            store.set("rq:yard:audit", "foreign")

        reply = api.http.post(f"/v1/jobs/{job_id}/cancel")

        assert (reply.status_code, reply.json()["code"]) == (500, "store-data")
        api.service.wait_for_log("audit.unwritten")
        assert job_id in api.service.log()
