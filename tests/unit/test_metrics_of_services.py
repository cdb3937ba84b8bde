"""Metrics of the services: their ports, and what they cost while nobody asks."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jobyard_cli.settings import UpSettings
from jobyard_cli.yard.programs import service_programs
from jobyard_scheduler.settings import SchedulerSettings
from jobyard_worker.settings import WorkerSettings

if TYPE_CHECKING:
    from pathlib import Path


def test_each_service_has_a_port_of_its_own_and_binds_to_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found: list[WorkerSettings | SchedulerSettings] = [
        WorkerSettings.load(),
        SchedulerSettings.load(),
    ]

    assert [settings.metrics_port for settings in found] == [9401, 9402]
    assert {settings.metrics_host for settings in found} == {"127.0.0.1"}


def test_the_yard_gives_each_of_its_processes_a_free_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBYARD_METRICS_PORT", "9401")

    programs = service_programs(UpSettings.load())

    ports = {program.environment["JOBYARD_METRICS_PORT"] for program in programs}
    assert len(ports) == len(programs)
    assert not ports & {"0", "9401"}


@pytest.mark.parametrize("module", ["jobyard_worker.worker", "jobyard_scheduler.main"])
def test_nothing_of_the_client_is_imported_before_somebody_asks(module: str) -> None:
    code = f"import sys, {module}; sys.exit('prometheus_client' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
