"""Whether the time of an answer, or what the store does for it, tells whose a job is."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import redis

from support.every_route import BODIES, ROUTES, filled
from support.signed_in import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from support.servers import StoreServer

PAIRS = 30
LARGE = {"text": "x" * 200_000}
"""Kept apart from the job's hash: to read it before looking whose it is would take time."""


def test_another_tenants_job_costs_the_same_as_one_that_never_was(
    server: StoreServer, figure: Callable[[str, object], None]
) -> None:
    async def scenario() -> dict[str, tuple[float, Counter[str]]]:
        async with signed_in(server, redis_timeout_seconds=10) as clients:
            acme, other = await clients.client("acme"), await clients.client("other")
            made = await acme.post("/v1/jobs", json={"task": "echo", "payload": LARGE})
            theirs = made.raise_for_status().json()["id"]
            return {
                f"{method} {path}": await compare(server, other, (method, path, body), theirs)
                for method, path, route in ROUTES
                if "job_id" in route.param_convertors and not route.need.is_for_operators
                for body in [BODIES.get(route.operation_id)]
            }

    found = asyncio.run(scenario())

    ratios = sorted(ratio for ratio, _ in found.values())
    figure("routes with the id of a job", len(found))
    figure("median time, another tenant's / nobody's: lowest", ratios[0])
    figure("median time, another tenant's / nobody's: middle", statistics.median(ratios))
    figure("median time, another tenant's / nobody's: highest", ratios[-1])
    assert len(found) > 5
    assert {name: told for name, (_, told) in found.items() if told} == {}


async def compare(
    server: StoreServer,
    client: httpx.AsyncClient,
    request: tuple[str, str, object],
    theirs: str,
) -> tuple[float, Counter[str]]:
    """The ratio of the median times, and the commands that the store ran more often for one."""
    method, path, body = request
    paths = [filled(path, {"job_id": job_id}) for job_id in (theirs, "0" * len(theirs))]
    seconds: tuple[list[float], list[float]] = ([], [])
    counts = [Counter[str](), Counter[str]()]
    with redis.Redis.from_url(server.url) as store:
        for turn in range(PAIRS):
            for which in (0, 1) if turn % 2 else (1, 0):
                before = commands(store)
                began = time.perf_counter()
                reply = await client.request(method, paths[which], json=body)
                seconds[which].append(time.perf_counter() - began)
                assert reply.status_code == 404
                counts[which].update(commands(store) - before)
    told = {
        command: abs(counts[0][command] - counts[1][command])
        for command in chain(*counts)
        if abs(counts[0][command] - counts[1][command]) > PAIRS // 2  # the rest is the catalogue's
    }
    return statistics.median(seconds[0]) / statistics.median(seconds[1]), Counter(told)


def commands(store: redis.Redis) -> Counter[str]:
    """How often the store ran each command, those of scripts included."""
    return Counter({name: int(each["calls"]) for name, each in store.info("commandstats").items()})
