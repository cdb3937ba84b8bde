"""Levels that change while the services run, on real processes: who heeds them and how long."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.executor_tasks import MODULE
from support.jobs import ended, submit
from support.processes import SCRIPTS, clean_environment
from support.rest import Rest
from support.waiting import wait_for
from support.workers import EXECUTORS

if TYPE_CHECKING:
    from pathlib import Path

    from jobyard.store import Store
    from support.processes import Service, Services
    from support.servers import StoreServer


@pytest.fixture
def quiet(services: Services) -> Services:
    """Services that log as they do where nobody says how."""
    del services.env["JOBYARD_LOG_LEVEL"]
    return services


def log_level(server: StoreServer, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPTS / "jobyard"), "log-level", *arguments],
        env={**clean_environment(), "JOBYARD_REDIS_URL": server.url, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def events(service: Service, name: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in service.log().splitlines())
    return [line for line in lines if line["event"] == name]


def turns(service: Service) -> list[str]:
    return [line["to"] for line in events(service, "log_level.changed")]


def test_all_processes_of_a_service_heed_and_go_back(
    quiet: Services, server: StoreServer, store: Store
) -> None:
    workers = [quiet.start("jobyard-worker") for _ in range(2)]
    others = [quiet.start("jobyard-scheduler"), quiet.start("jobyard-worker", RQ_KEY_PREFIX="b")]
    for service in (*workers, *others):
        service.wait_for_log(".started")

    asked = log_level(server, "debug", "--service", "worker", "--for", "3s")

    assert (asked.returncode, asked.stdout.split()[:2]) == (0, ["worker", "debug"]), asked.stderr
    for worker in workers:
        wait_for(lambda worker=worker: turns(worker) == ["debug", "info"])  # type: ignore[misc]
    assert [turns(service) for service in others] == [[], []]
    ended(store, submit(store, "echo"))
    assert [events(worker, "job.started") for worker in workers] == [[], []]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_runs_in_a_worker_is_logged_at_the_new_level(
    quiet: Services, server: StoreServer, store: Store, tmp_path: Path, executor: str
) -> None:
    """Also a job that runs already, and a child that is started later."""
    worker = quiet.start(
        "jobyard-worker", JOBYARD_TASK_MODULES=f"{MODULE},support.logging_tasks",
        JOBYARD_EXECUTOR=executor,
    )  # fmt: skip
    started, gate = tmp_path / "started", tmp_path / "gate"
    job = submit(store, "whisper_until", {"started": str(started), "gate": str(gate)})
    wait_for(started.exists)
    assert events(worker, "whispered") == []

    log_level(server, "debug", "--service", "worker")

    wait_for(lambda: events(worker, "whispered"))
    gate.touch()
    ended(store, job)
    ended(store, submit(store, "whisper_isolated", {"word": "apart"}))
    wait_for(lambda: "apart" in {line.get("word") for line in events(worker, "whispered")})
    assert log_level(server, "configured").returncode == 0
    wait_for(lambda: turns(worker) == ["debug", "info"])
    before = len(events(worker, "whispered"))
    ended(store, submit(store, "whisper_isolated", {"word": "silence"}))
    assert len(events(worker, "whispered")) == before


def test_a_process_that_starts_meanwhile_heeds_too(quiet: Services, server: StoreServer) -> None:
    log_level(server, "debug", "--service", "scheduler")

    scheduler = quiet.start("jobyard-scheduler")

    wait_for(lambda: turns(scheduler) == ["debug"])


def test_a_store_that_is_away_does_not_keep_a_level_for_ever(
    quiet: Services, durable_server: StoreServer
) -> None:
    quiet.env["JOBYARD_REDIS_URL"] = durable_server.url
    worker = quiet.start("jobyard-worker")
    worker.wait_for_log("worker.started")
    log_level(durable_server, "debug", "--for", "4s")
    wait_for(lambda: turns(worker) == ["debug"])

    durable_server.kill()

    wait_for(lambda: turns(worker) == ["debug", "info"])


def test_levels_over_rest_are_audited_and_for_operators(
    quiet: Services, server: StoreServer
) -> None:
    with Rest(quiet) as api:
        put = api.http.put("/v1/log-levels/api", json={"level": "debug", "seconds": 100})
        assert (put.status_code, put.json()["level"]) == (200, "debug")
        wait_for(lambda: turns(api.service) == ["debug"])
        assert api.status("/livez") == 200
        wait_for(lambda: _probes(api.service))

        listed = {
            one["service"]: one for one in api.http.get("/v1/log-levels").json()["log_levels"]
        }
        assert list(listed) == ["api", "worker", "scheduler"]
        assert (listed["api"]["level"], listed["worker"]["level"]) == ("debug", None)
        assert api.http.delete("/v1/log-levels/api").status_code == 204
        wait_for(lambda: turns(api.service) == ["debug", "info"])
        entries = api.http.get("/v1/audit-events").json()["audit_events"]

    assert [(one["action"], one["target"], one["detail"]) for one in entries] == [
        ("set_log_level", "api", "as configured"),
        ("set_log_level", "api", "debug for 100 s"),
    ]


@pytest.mark.parametrize(
    "body",
    [{"level": "loud"}, {"level": "debug", "seconds": 0}, {"level": "debug", "seconds": 1e9}],
)
def test_what_is_no_level_or_no_time_is_refused(quiet: Services, body: dict[str, Any]) -> None:
    with Rest(quiet) as api:
        assert api.http.put("/v1/log-levels/api", json=body).status_code == 422
        assert api.http.put("/v1/log-levels/nobody", json={"level": "info"}).status_code == 422


@pytest.mark.parametrize(
    "arguments", [("loud",), ("debug", "--for", "2d"), ("debug", "--for", "25h")]
)
def test_the_command_refuses_in_one_line(server: StoreServer, arguments: tuple[str, ...]) -> None:
    done = log_level(server, *arguments)

    assert done.returncode == 2
    assert done.stderr


def test_probes_are_quiet_and_their_failures_are_not(
    quiet: Services, durable_server: StoreServer
) -> None:
    quiet.env["JOBYARD_REDIS_URL"] = durable_server.url
    with Rest(quiet) as api:
        assert [api.status(path) for path in ("/livez", "/readyz")] == [200, 200]
        durable_server.kill()
        wait_for(lambda: api.status("/readyz") == httpx.codes.SERVICE_UNAVAILABLE)
        wait_for(lambda: _probes(api.service))

    assert {(line["route"], line["status"]) for line in _probes(api.service)} == {("/readyz", 503)}


def _probes(service: Service) -> list[dict[str, Any]]:
    return [line for line in events(service, "http.request") if line["route"].endswith("z")]
