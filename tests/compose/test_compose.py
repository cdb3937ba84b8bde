"""``compose.yaml`` agrees with the images, the settings and the dashboards it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from jobyard_api.settings import ApiSettings
from jobyard_scheduler.settings import SchedulerSettings
from jobyard_worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("api", "worker", "scheduler")
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "compose/prometheus.yaml").read_text())
METRICS_PORTS = {
    "api": ApiSettings.load(_env_file=None).metrics_port,
    "worker": WorkerSettings.load(_env_file=None).metrics_port,
    "scheduler": SchedulerSettings.load(_env_file=None).metrics_port,
}


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_built_from_its_own_file(name: str) -> None:
    build = SERVICES[name]["build"]

    assert build["dockerfile"] == f"services/{name}/Dockerfile"
    assert (ROOT / build["context"] / build["dockerfile"]).exists()


@pytest.mark.parametrize("name", OURS)
def test_a_service_can_change_nothing_but_its_temporary_files(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"]
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["depends_on"] == {"store": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_open_to_other_machines(name: str) -> None:
    ports = SERVICES[name].get("ports", [])

    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_store_keeps_all_that_it_took() -> None:
    command = SERVICES["store"]["command"].split()

    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert "store:/data" in SERVICES["store"]["volumes"]


def test_a_worker_may_take_as_long_as_it_was_told() -> None:
    worker = SERVICES["worker"]
    grace = int(worker["stop_grace_period"].removesuffix("s"))

    assert grace > worker["environment"]["JOBYARD_GRACE_SECONDS"]


@pytest.mark.parametrize("name", OURS)
def test_prometheus_finds_every_container_of_a_service(name: str) -> None:
    jobs = {job["job_name"]: job["dns_sd_configs"][0] for job in PROMETHEUS["scrape_configs"]}

    found = jobs[f"jobyard-{name}"]
    assert (found["names"], found["port"]) == ([name], METRICS_PORTS[name])


@pytest.mark.parametrize("name", SERVICES)
def test_all_files_that_are_mounted_exist(name: str) -> None:
    sources = [volume.partition(":")[0] for volume in SERVICES[name].get("volumes", [])]
    files = [source for source in sources if source.startswith("./")]

    assert [file for file in files if not (ROOT / file).exists()] == []


def test_grafana_reads_the_dashboards_of_the_chart() -> None:
    provider = yaml.safe_load((ROOT / "compose/grafana/dashboards.yaml").read_text())
    path = provider["providers"][0]["options"]["path"]

    assert f"./helm/jobyard/dashboards:{path}:ro" in SERVICES["grafana"]["volumes"]
