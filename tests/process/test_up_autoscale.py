"""`jobyard up --autoscale`: workers come with the work and go without it, and never with a job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from support.jobs import submit
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store import Store
    from support.ledger import Ledger
    from support.processes import Service, Services

QUICKLY = {
    "JOBYARD_AUTOSCALE_SPEED": 20,
    "JOBYARD_AUTOSCALE_LATENCY_TARGET_SECONDS": 2,
    "JOBYARD_AUTOSCALE_MEAN_JOB_SECONDS": 0.2,
    "JOBYARD_CONCURRENCY": 2,
    "JOBYARD_QUEUES": "default",
}
START_SECONDS = 60.0


def up(services: Services, *arguments: str, **env: object) -> Service:
    env = {"JOBYARD_API_PORT": free_port(), **QUICKLY, **env}
    service = services.start("jobyard", "up", "--autoscale", *arguments, **env)
    service.wait_for_log("try it:", START_SECONDS)
    return service


def changes(yard: Service) -> list[tuple[int, int]]:
    """Every line in which the number of wanted workers changed: before, after."""
    found = re.findall(r"workers (\d+) → (\d+) \((?:keda|hpa)\)", yard.log())
    return [(int(before), int(after)) for before, after in found]


def events(yard: Service, name: str) -> list[str]:
    return [line for line in yard.log().splitlines() if name in line and "worker-" in line]


@pytest.mark.slow
@pytest.mark.parametrize("minimum", [0, 1])
def test_a_burst_is_met_with_workers_that_leave_with_nothing_in_hand(
    services: Services,
    store: Store,
    ledger: Ledger,
    *,
    figure: Callable[[str, object], None],
    minimum: int,
) -> None:
    yard = up(services, "--max", "3", "--min", str(minimum))
    jobs = [submit(store, "sleeper", {"seconds": 0.2}) for _ in range(120)]

    wait_for(lambda: len(ledger.ended()) == 120, 120, yard.log)
    wait_for(lambda: changes(yard)[-1][1] == minimum, 120, yard.log)
    leavers = max(after for _, after in changes(yard)) - minimum
    wait_for(lambda: len(events(yard, "worker.stopped")) == leavers, 60, yard.log)

    ledger.verify_once(jobs)
    assert max(after for _, after in changes(yard)) == 3
    drains = events(yard, "worker.draining")
    assert len(drains) == leavers
    assert all(re.search(r"in_hand=0\b", line) for line in drains), drains
    assert "is killed" not in yard.log()
    figure("autoscale: changes of a burst of 120", len(changes(yard)))


@pytest.mark.slow
def test_a_worker_that_is_too_many_stays_as_long_as_it_has_a_job(
    services: Services, store: Store, ledger: Ledger
) -> None:
    yard = up(services, "--min", "1", "--max", "4", JOBYARD_CONCURRENCY=1)
    jobs = [submit(store, "sleeper", {"seconds": seconds}) for seconds in (2, 25, 2, 2)]

    wait_for(lambda: len(events(yard, "worker.stopped")) >= 1, 60, yard.log)
    ended_meanwhile = len(ledger.ended())
    wait_for(lambda: len(ledger.ended()) == 4, 60, yard.log)

    assert ended_meanwhile == 3
    assert all(re.search(r"in_hand=0\b", line) for line in events(yard, "worker.draining"))
    ledger.verify_once(jobs)


@pytest.mark.slow
def test_its_scheduler_answers_for_the_pool(services: Services) -> None:
    yard = up(services, "--min", "1", "--max", "2", JOBYARD_POOL="mail")
    port = wait_for(lambda: _metrics_port(yard), START_SECONDS, yard.log)

    said = httpx.get(f"http://127.0.0.1:{port}/autoscale/mail").json()

    assert (said["queues"], said["min"], said["max"]) == (["default"], 1, 2)


def test_limits_that_contradict_each_other_are_one_line(services: Services) -> None:
    yard = services.start("jobyard", "up", "--autoscale", "--min", "3", "--max", "2")

    assert yard.wait() == 2
    assert yard.log().count("\n") == 1
    assert "JOBYARD_AUTOSCALE_MIN 3 is above JOBYARD_AUTOSCALE_MAX 2" in yard.log()


def _metrics_port(yard: Service) -> int | None:
    lines = [line for line in yard.log().splitlines() if "metrics.started" in line]
    found = [re.search(r"port=(\d+)", line) for line in lines if line.startswith("scheduler")]
    return int(found[0][1]) if found and found[0] else None
