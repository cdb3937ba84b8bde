"""``GET /autoscale/<pool>`` of a running scheduler, and the gauge beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

from support.jobs import submit
from support.scraping import port_of, scrape
from support.waiting import wait_for

if TYPE_CHECKING:
    from jobyard.store import Store
    from support.processes import Service, Services
    from support.servers import StoreServer

POOLS = [
    {"name": "mail", "queues": ["mail"], "concurrency": 2, "latencyTargetSeconds": 4, "max": 3},
    {"name": "reports", "queues": ["reports"], "min": 1},
]


def start(services: Services) -> Service:
    return services.start("jobyard-scheduler", JOBYARD_POOLS=json.dumps(POOLS))


def get(scheduler: Service, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port_of(scheduler)}{path}")


def said_of(scheduler: Service, pool: str) -> dict[str, Any] | None:
    answer = get(scheduler, f"/autoscale/{pool}")
    said: dict[str, Any] = answer.json()
    return said if answer.status_code == 200 else None


def test_it_says_what_waits_and_how_many_workers_that_needs(
    services: Services, store: Store
) -> None:
    scheduler = start(services)
    for _ in range(9):
        submit(store, "noop", queue="mail")

    said = wait_for(lambda: (found := said_of(scheduler, "mail")) and found["queued"] and found)

    assert said == {
        "pool": "mail", "queues": ["mail"], "queued": 9, "paused": 0, "claimed": 0, "busy": 0,
        "concurrency": 2, "backlogPerSlot": 4.0, "signal": 1.125, "desiredWorkers": 2,
        "min": 0, "max": 3,
    }  # fmt: skip
    samples = scrape(scheduler)
    assert samples.value("jobyard_pool_desired_workers", pool="mail") == 2
    assert samples.value("jobyard_pool_desired_workers", pool="reports") == 1
    assert samples.value("jobyard_pool_max_workers", pool="reports") == 10
    assert [each["pool"] for each in get(scheduler, "/autoscale").json()["pools"]] == [
        "mail",
        "reports",
    ]


def test_an_unknown_pool_is_answered_with_the_names_that_look_like_it(services: Services) -> None:
    scheduler = start(services)

    answer = get(scheduler, "/autoscale/mial")

    assert answer.status_code == 404
    assert "Did you mean 'mail'?" in answer.json()["detail"]


def test_without_pools_it_says_how_to_name_them(services: Services) -> None:
    scheduler = services.start("jobyard-scheduler")

    answer = get(scheduler, "/autoscale/mail")

    assert answer.status_code == 404
    assert "JOBYARD_POOLS" in answer.json()["detail"]


def test_nobody_is_told_that_nothing_waits_while_the_store_is_away(
    services: Services, server: StoreServer
) -> None:
    server.stop()
    scheduler = start(services)

    answer = get(scheduler, "/autoscale/mail")

    assert answer.status_code == 503
    assert scrape(scheduler).value("jobyard_pool_desired_workers", pool="reports") is None
    assert get(scheduler, "/metrics").status_code == 200
