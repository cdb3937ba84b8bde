"""Tenants over REST: another's job is not there, on every route that takes an id or lists."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from support.keys import set_quotas
from support.signed_in import signed_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from support.servers import StoreServer

JOB = {"task": "add", "payload": {"a": 1, "b": 2}}


def run(
    server: StoreServer, scenario: Callable[[httpx.AsyncClient, httpx.AsyncClient], Awaitable[Any]]
) -> Any:
    """Runs ``scenario`` with a client of ``acme`` and one of ``other``."""

    async def main() -> Any:
        async with signed_in(server) as clients:
            return await scenario(await clients.client("acme"), await clients.client("other"))

    return asyncio.run(main())


def test_another_tenants_job_answers_as_one_that_never_was(server: StoreServer) -> None:
    async def probe(acme: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
        job_id = (await acme.post("/v1/jobs", json=JOB)).raise_for_status().json()["id"]
        for method, path in (
            ("GET", "/v1/jobs/{}"),
            ("GET", "/v1/jobs/{}/attempts"),
            ("POST", "/v1/jobs/{}/cancel"),
            ("GET", "/job-status/{}"),
            ("GET", "/job/{}/status"),
            ("GET", "/jobs/status/{}"),
        ):
            strangers = await other.request(method, path.format(job_id))
            nobodys = await other.request(method, path.format("0" * len(job_id)))
            assert strangers.status_code == nobodys.status_code == 404
            assert strangers.json()["code"] == nobodys.json()["code"] == "job-not-found"
        asked = {"job_id": job_id}
        assert (await other.post("/app/tasks/cancel", json=asked)).status_code == 404
        assert (await acme.get(f"/v1/jobs/{job_id}")).json()["state"] == "queued"

    run(server, probe)


def test_lists_show_a_tenant_its_own_jobs_only(server: StoreServer) -> None:
    async def probe(acme: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
        job_id = (await acme.post("/v1/jobs", json=JOB)).json()["id"]
        for path in ("/v1/jobs", "/rq/jobs/json", "/app/tasks/queued_jobs"):
            found = [(await who.get(path)).json()["jobs"] for who in (acme, other)]
            assert [[job.get("id", job.get("job_id")) for job in jobs] for jobs in found] == [
                [job_id],
                [],
            ]

    run(server, probe)


def test_tags_and_unique_keys_are_the_tenants(server: StoreServer) -> None:
    async def probe(acme: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
        body = {**JOB, "tags": ["red"], "unique": {"key": "k"}}
        first = (await acme.post("/v1/jobs", json=body)).raise_for_status().json()

        assert (await other.get("/v1/jobs", params={"tag": "red"})).json()["jobs"] == []
        assert (await other.post("/v1/jobs", json=body)).status_code == 201
        again = await acme.post("/v1/jobs", json=body)
        assert (again.status_code, again.json()["job_id"]) == (409, first["id"])
        assert first["tenant"] == "acme"

    run(server, probe)


def test_only_operators_ask_for_another_tenants_jobs(server: StoreServer) -> None:
    async def main() -> None:
        async with signed_in(server) as clients:
            acme, operator = await clients.client("acme"), await clients.client(None)
            job_id = (await acme.post("/v1/jobs", json=JOB)).json()["id"]
            await operator.post("/v1/jobs", json=JOB)

            listed = (await operator.get("/v1/jobs", params={"tenant": "acme"})).json()["jobs"]
            refused = await acme.get("/v1/jobs", params={"tenant": "other"})

            assert [job["id"] for job in listed] == [job_id]
            assert len((await operator.get("/v1/jobs")).json()["jobs"]) == 2
            assert refused.status_code == 422

    asyncio.run(main())


def test_tenants_do_not_share_idempotency_keys(server: StoreServer) -> None:
    async def probe(acme: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
        headers = {"Idempotency-Key": "k"}
        first = await acme.post("/v1/jobs", json=JOB, headers=headers)
        others = await other.post("/v1/jobs", json=JOB, headers=headers)
        again = await acme.post("/v1/jobs", json=JOB, headers=headers)

        assert (first.status_code, others.status_code, again.status_code) == (201, 201, 200)
        assert again.json()["id"] == first.json()["id"] != others.json()["id"]

    run(server, probe)


def test_a_tenant_has_as_many_jobs_waiting_as_its_quota_says(server: StoreServer) -> None:
    set_quotas(server, "acme", waiting_jobs=2)

    async def probe(acme: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
        first = await acme.post("/v1/jobs", json=JOB)
        results = (await acme.post("/v1/jobs/batch", json={"jobs": [JOB, JOB]})).json()["results"]
        others = [await other.post("/v1/jobs", json=JOB) for _ in range(3)]
        classic = await acme.post("/app/tasks/receive", json=JOB)
        await acme.post(f"/v1/jobs/{first.json()['id']}/cancel")
        again = await acme.post("/v1/jobs", json=JOB)

        assert [one["status"] for one in results] == [201, 429]
        assert results[1]["problem"]["code"] == "too-many-waiting"
        assert [reply.status_code for reply in others] == [201] * 3
        assert (classic.status_code, classic.json()["code"]) == (429, "too-many-waiting")
        assert int(classic.headers["retry-after"]) >= 1
        assert again.status_code == 201

    run(server, probe)
