"""Probes of whole services: livez is about the process alone, readyz about its job."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import httpx

from support.freezing_tasks import FREEZE, GATE
from support.jobs import ended, submit
from support.rest import Rest
from support.scraping import port_of
from support.waiting import wait_for
from support.workers import start_worker

if TYPE_CHECKING:
    from pathlib import Path

    from jobyard.store import Store
    from support.processes import Service, Services
    from support.servers import StoreServer

OK = (200, "")


def probe(service: Service, name: str) -> tuple[int, str]:
    """Status and reason."""
    answer = httpx.get(f"http://127.0.0.1:{port_of(service)}/{name}", timeout=20)
    return answer.status_code, answer.json().get("reason", "")


def wait_until_ready(service: Service) -> None:
    wait_for(lambda: probe(service, "readyz") == OK, message=service.log)


def start_scheduler(services: Services) -> Service:
    return services.start("jobyard-scheduler", JOBYARD_NOTIFICATIONS="false")


# ---------------------------------------------------------------- worker


def test_a_worker_whose_main_loop_is_frozen_does_not_live(
    services: Services, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    services.env[GATE] = str(gate)
    worker = start_worker(
        services, JOBYARD_STALL_SECONDS=15, JOBYARD_TASK_MODULES="support.freezing_tasks"
    )
    wait_until_ready(worker)

    worker.send(FREEZE)

    wait_for(lambda: "stood still" in probe(worker, "livez")[1], message=worker.log)
    assert probe(worker, "livez")[0] == 503
    gate.touch()
    wait_for(lambda: probe(worker, "livez") == OK, message=worker.log)


def test_a_worker_in_a_long_job_lives_and_an_idle_one_too(
    services: Services, store: Store, tmp_path: Path
) -> None:
    """Both for longer than the loop may stand still, which is a fifth of what is set."""
    worker = start_worker(
        services,
        JOBYARD_STALL_SECONDS=10,
        JOBYARD_CONCURRENCY=1,
        JOBYARD_TASK_MODULES="support.executor_tasks",
    )
    wait_until_ready(worker)
    gate = tmp_path / "gate"

    job_id = submit(store, "wait_for_gate", {"path": str(gate)})
    seen = probes_for(worker, turns=25)
    gate.touch()
    ended(store, job_id)
    seen |= probes_for(worker, turns=25)

    assert seen == {OK}


def probes_for(service: Service, turns: int) -> set[tuple[int, str]]:
    """What both probes said while the service's main loop went on for so many of its rounds."""
    seen: set[tuple[int, str]] = set()
    left = iter(range(turns))

    def look() -> bool:
        seen.update({probe(service, "livez"), probe(service, "readyz")})
        return next(left, None) is None

    wait_for(look, interval_seconds=0.1)
    return seen


def test_a_worker_whose_slots_are_all_held_past_their_timeouts_does_not_live(
    services: Services, store: Store, tmp_path: Path
) -> None:
    gate, started = tmp_path / "gate", tmp_path / "started"
    worker = start_worker(
        services,
        JOBYARD_STALL_SECONDS=8,
        JOBYARD_CONCURRENCY=1,
        JOBYARD_TASK_MODULES="support.executor_tasks",
    )
    wait_until_ready(worker)

    payload = {"path": str(gate), "started": str(started)}
    submit(store, "wait_for_gate", payload, timeout_seconds=1)

    wait_for(lambda: "past its timeout" in probe(worker, "livez")[1], message=worker.log)
    gate.touch()
    wait_for(lambda: probe(worker, "livez") == OK, message=worker.log)


def test_a_worker_without_its_store_lives_and_is_not_ready(
    services: Services, server: StoreServer
) -> None:
    worker = start_worker(services)
    wait_until_ready(worker)

    server.kill()

    wait_for(lambda: probe(worker, "readyz")[0] == 503, message=worker.log)
    assert probe(worker, "livez") == OK
    server.restart()
    wait_until_ready(worker)


def test_a_worker_that_was_never_registered_is_not_ready(
    services: Services, server: StoreServer
) -> None:
    server.kill()

    worker = start_worker(services)

    assert probe(worker, "readyz") == (503, "the worker is not registered with the store")
    assert probe(worker, "livez") == OK


def test_a_worker_that_drains_lives_and_is_not_ready(
    services: Services, store: Store, tmp_path: Path
) -> None:
    worker = start_worker(services, JOBYARD_TASK_MODULES="support.executor_tasks")
    wait_until_ready(worker)
    gate, started = tmp_path / "gate", tmp_path / "started"
    submit(store, "wait_for_gate", {"path": str(gate), "started": str(started)})
    wait_for(started.exists)

    worker.term()

    wait_for(lambda: probe(worker, "readyz") == (503, "the worker was told to stop"))
    assert probe(worker, "livez") == OK
    gate.touch()
    assert worker.wait() == 0


# ---------------------------------------------------------------- scheduler


def test_a_scheduler_without_its_store_lives_and_is_not_ready(
    services: Services, server: StoreServer
) -> None:
    scheduler = start_scheduler(services)
    wait_until_ready(scheduler)

    server.kill()

    wait_for(lambda: probe(scheduler, "readyz") == (503, "the store does not answer"))
    assert probe(scheduler, "livez") == OK
    server.restart()
    wait_until_ready(scheduler)


# ---------------------------------------------------------------- API


def test_an_api_says_on_its_metrics_port_too_how_it_is(
    services: Services, server: StoreServer
) -> None:
    with Rest(services, JOBYARD_API_DRAIN_SECONDS=20) as api:
        wait_until_ready(api.service)
        server.kill()

        wait_for(lambda: probe(api.service, "readyz")[0] == 503, message=api.service.log)
        assert probe(api.service, "livez") == OK
        assert (api.status("/livez"), api.status("/readyz")) == (200, 503)

        server.restart()
        wait_until_ready(api.service)
        api.service.send(signal.SIGTERM)
        wait_for(lambda: "told to stop" in probe(api.service, "readyz")[1])
