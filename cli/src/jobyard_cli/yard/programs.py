"""What the yard runs: the commands of its services and their environment."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from jobyard.errors import JobyardError
from jobyard_cli.yard.embedded import free_port
from jobyard_cli.yard.service import Program, Stage

if TYPE_CHECKING:
    from jobyard_cli.settings import UpSettings

SERVICE_STOP_SECONDS = 10.0
WORKER_MARGIN_SECONDS = 5.0
"""What a worker gets beyond its grace, to settle and to say goodbye."""


class NotInstalledError(JobyardError):
    """A service's command is not installed beside this one."""


def service_programs(settings: UpSettings) -> list[Program]:
    """The API, the scheduler and the workers, in the order in which they start.

    Raises:
        NotInstalledError: One of their commands is missing.
    """
    environment = environment_of(settings)
    workers = [worker_program(settings, number) for number in first_workers(settings)]
    api, scheduler = (
        _program(name, f"jobyard-{name}", Stage.SERVICES, environment, SERVICE_STOP_SECONDS)
        for name in ("api", "scheduler")
    )
    return [api, *workers, scheduler]


def service_names(settings: UpSettings) -> list[str]:
    """The names that the log will show."""
    most = settings.autoscale_max if settings.autoscale else settings.workers
    return ["store", "api", "scheduler", *map(worker_name, range(1, most + 1))]


def worker_name(number: int) -> str:
    """The name of a worker, counted from 1."""
    return f"worker-{number}"


def first_workers(settings: UpSettings) -> range:
    """The numbers of the workers that are there from the start."""
    return range(1, (settings.autoscale_min if settings.autoscale else settings.workers) + 1)


def worker_program(settings: UpSettings, number: int) -> Program:
    """One worker.

    Raises:
        NotInstalledError: Its command is missing.
    """
    return _program(
        worker_name(number),
        "jobyard-worker",
        Stage.WORKERS,
        environment_of(settings),
        settings.grace_seconds + WORKER_MARGIN_SECONDS,
    )


def _program(
    name: str, command: str, stage: Stage, environment: dict[str, str], stop_seconds: float
) -> Program:
    port = free_port()
    return Program(
        name=name,
        stage=stage,
        command=[_installed(command)],
        environment={**environment, "JOBYARD_METRICS_PORT": str(port)},
        stop_seconds=stop_seconds,
        metrics_port=port,
    )


def _installed(command: str) -> str:
    beside = Path(sysconfig.get_path("scripts")) / command
    found = str(beside) if beside.exists() else shutil.which(command)
    if found is None:
        raise NotInstalledError(
            f"{command} is not installed here. Install it: pip install 'jobyard-cli[local]'"
        )
    return found


def environment_of(settings: UpSettings) -> dict[str, str]:
    """What every service of the yard is started with."""
    given = {
        "JOBYARD_REDIS_URL": settings.redis_url,
        "JOBYARD_API_HOST": settings.api_host,
        "JOBYARD_API_PORT": str(settings.api_port),
        "JOBYARD_GRACE_SECONDS": f"{settings.grace_seconds:g}",
        "PYTHONUNBUFFERED": "1",
    }
    if settings.autoscale:
        given |= _scaled(settings)
    # One API, nothing that balances: nobody would notice that it drains.
    usual = {"JOBYARD_LOG_FORMAT": "console", "JOBYARD_API_DRAIN_SECONDS": "0"}
    return {**usual, **os.environ, **given}


def _scaled(settings: UpSettings) -> dict[str, str]:
    """The workers serve what they are scaled for, and the scheduler knows their pool."""
    pool = settings.scaled_pool(settings.queues)
    return {
        "JOBYARD_POOL": pool.name,
        "JOBYARD_QUEUES": ",".join(pool.queues),
        "JOBYARD_CONCURRENCY": str(pool.concurrency),
        "JOBYARD_POOLS": f"[{pool.model_dump_json(by_alias=True)}]",
    }
