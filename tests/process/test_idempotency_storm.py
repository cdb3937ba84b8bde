"""One idempotency key, 64 clients, three API processes of which one is killed: one job."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING

import httpx

from jobyard.store import Store, calls
from support.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.processes import Services

CLIENTS = 64
ROUNDS = 3
TIMES = 4
"""Each client sends its request again and again: as somebody who lost the answer."""


def test_of_many_clients_with_one_key_one_creates_while_an_api_is_killed(
    services: Services, store: Store
) -> None:
    with contextlib.ExitStack() as stack:
        apis = [stack.enter_context(Rest(services)) for _ in range(3)]
        for number in range(ROUNDS):
            killed = apis.pop(0)
            urls = [str(api.http.base_url).rstrip("/") for api in (killed, *apis)]

            answers = asyncio.run(storm(urls, f"key-{number}", killed.service.kill))

            ids = {reply.json()["id"] for reply in answers}
            assert len(answers) == CLIENTS * TIMES
            assert {reply.status_code for reply in answers} <= {200, 201}
            assert sum(reply.status_code == httpx.codes.CREATED for reply in answers) <= 1
            assert len(ids) == 1, f"{len(ids)} jobs of one key"
            assert [job.id for job in store.run(calls.list_jobs(tag=f"key-{number}")).jobs] == [
                *ids
            ]
            apis.append(stack.enter_context(Rest(services)))


def test_another_payload_under_the_key_is_refused_by_every_api(services: Services) -> None:
    with Rest(services) as one, Rest(services) as other:
        headers = {"Idempotency-Key": "k"}
        made = one.http.post("/v1/jobs", json={"task": "echo"}, headers=headers)
        body = {"task": "echo", "payload": {"n": 1}}
        refused = other.http.post("/v1/jobs", json=body, headers=headers)
        again = other.http.post("/v1/jobs", json={"task": "echo"}, headers=headers)

    assert (made.status_code, refused.status_code, again.status_code) == (201, 422, 200)
    assert refused.json()["code"] == "idempotency-conflict"
    assert again.json()["id"] == made.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"


async def storm(urls: list[str], key: str, kill: Callable[[], None]) -> list[httpx.Response]:
    """The answers to all clients; the first API is killed once some have theirs."""
    answers: list[httpx.Response] = []
    some = asyncio.Event()

    async def client(http: httpx.AsyncClient, number: int) -> None:
        for turn in range(TIMES):
            first = (number + turn) % len(urls)
            answers.append(await ask(http, [*urls[first:], *urls[:first]], key))
            if len(answers) >= CLIENTS // 4:
                some.set()

    async def killer() -> None:
        await some.wait()
        kill()

    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(timeout=30, limits=limits, verify=False) as http:
        await asyncio.gather(killer(), *(client(http, number) for number in range(CLIENTS)))
    return answers


async def ask(http: httpx.AsyncClient, urls: list[str], key: str) -> httpx.Response:
    """Sends until somebody answers, to the next API each time."""
    body = {"task": "echo", "payload": {"key": key}, "tags": [key]}
    for url in itertools.islice(itertools.cycle(urls), 20):
        with contextlib.suppress(httpx.TransportError):
            reply = await http.post(f"{url}/v1/jobs", json=body, headers={"Idempotency-Key": key})
            if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return reply
    raise AssertionError("nobody answers")
