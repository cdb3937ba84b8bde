"""The command `jobyard-scheduler`: composition root of the scheduler."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from jobyard.connection import connect
from jobyard.errors import ConfigurationError
from jobyard.observability.endpoint import metrics_served
from jobyard.observability.followed_level import level_followed
from jobyard.observability.health import health_pages
from jobyard.observability.log_level import Service
from jobyard.observability.logging import configure_logging
from jobyard.observability.metrics import (
    POOL_DESIRED_WORKERS,
    POOL_MAX_WORKERS,
    SCHEDULER_LAST_TICK,
)
from jobyard.observability.tracing import sent, start_tracing
from jobyard.observability.values import Reading
from jobyard.settings import help_of
from jobyard.store import Store
from jobyard.store.log_level_calls import level_reader
from jobyard_scheduler.attended import AttendedStore
from jobyard_scheduler.autoscale import PREFIX, AutoscalePages
from jobyard_scheduler.health import Health
from jobyard_scheduler.loops.estimator import Estimator
from jobyard_scheduler.loops.gauge import Gauge
from jobyard_scheduler.loops.promoter import Promoter
from jobyard_scheduler.loops.pruner import Pruner
from jobyard_scheduler.loops.reaper import Reaper
from jobyard_scheduler.loops.ticker import Ticker
from jobyard_scheduler.loops.trimmer import Trimmer
from jobyard_scheduler.loops.watcher import Watcher
from jobyard_scheduler.meters import Meters
from jobyard_scheduler.schedule import Schedule
from jobyard_scheduler.schedule_file import check_unique, load_schedules
from jobyard_scheduler.scheduler import Scheduler
from jobyard_scheduler.settings import SchedulerSettings
from jobyard_scheduler.spans import Spans
from jobyard_scheduler.timing import Every

if TYPE_CHECKING:
    from types import FrameType

    from jobyard.observability.values import Values

STOP_SECONDS = 6.0
"""A little more than one call to a store that does not answer may take."""
POLL_SECONDS = 0.1


def main() -> None:
    """Runs the scheduler until SIGTERM or SIGINT."""
    parser().parse_args()
    stopping, meters = _StopFlag(), Meters()
    try:
        settings = SchedulerSettings.load()
        store = AttendedStore(Store(connect(settings), settings.keys))
        estimator = Estimator(store, settings.pools)
        tracer = start_tracing("scheduler")
        scheduler = build(settings, meters, store, estimator, Spans(tracer))
    except ConfigurationError as error:
        line = " ".join(str(error).split())
        sys.stderr.write(f"jobyard-scheduler: {line}\n")
        sys.exit(2)
    configure_logging("scheduler", settings)
    sources = (
        *meters.sources(),
        Reading(SCHEDULER_LAST_TICK, lambda: _last_ticks(scheduler)),
        Reading(POOL_DESIRED_WORKERS, estimator.desired),
        Reading(POOL_MAX_WORKERS, estimator.limits),
    )
    health = Health(scheduler, meters.board, settings.redis_timeout_seconds)
    pages = {
        PREFIX: AutoscalePages(estimator).answer,
        **health_pages(health.live, health.ready),
    }
    read_level = level_reader(Store(connect(settings), settings.keys), Service.SCHEDULER)
    with (
        sent(tracer),
        metrics_served(settings.metrics_host, settings.metrics_port, sources, pages),
        level_followed(settings.log_level, read_level),
    ):
        _run(scheduler, stopping)


def build(
    settings: SchedulerSettings,
    meters: Meters,
    store: AttendedStore,
    estimator: Estimator,
    spans: Spans,
) -> Scheduler:
    """A scheduler with all its loops; opens no connection yet.

    Raises:
        ConfigurationError: The schedules' file is wrong.
    """
    return Scheduler(
        [
            Promoter(store, meters),
            Reaper(store, settings.lease_seconds, spans),
            Ticker(store, schedules_of(settings), _now, meters, spans),
            Pruner(store, meters),
            Trimmer(store, settings.queue_budget_bytes, meters),
            Watcher(store, meters),
            Gauge(store, meters.board),
            estimator,
        ]
    )


def schedules_of(settings: SchedulerSettings) -> list[Schedule]:
    """The built-in schedule and those of the file.

    Raises:
        ConfigurationError: The file is wrong.
    """
    built_in = [_NOTIFICATION] if settings.notifications else []
    path = settings.schedules_file
    return check_unique(built_in + (load_schedules(path, _now()) if path else []))


_NOTIFICATION = Schedule(
    name="notification", task="notification", queue="notifications", timing=Every(30)
)


def _now() -> datetime:
    return datetime.now(UTC)


def _last_ticks(scheduler: Scheduler) -> Values:
    ticks = scheduler.last_ticks()
    return {(loop,): tick_at for loop, tick_at in ticks.items() if tick_at is not None}


class _StopFlag:
    """Whether a signal asked to stop. The handler sets a flag and nothing else."""

    def __init__(self) -> None:
        self.is_set = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._set)

    def _set(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.is_set = True


def _run(scheduler: Scheduler, stopping: _StopFlag) -> None:
    scheduler.start()
    while not stopping.is_set:
        time.sleep(POLL_SECONDS)
    scheduler.stop(STOP_SECONDS)


def parser() -> argparse.ArgumentParser:
    """What the command takes; its help lists the settings."""
    found = argparse.ArgumentParser(
        prog="jobyard-scheduler",
        description="Promotes, reaps, ticks and prunes. Several may run at once.",
        epilog=help_of(SchedulerSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument(
        "--version", action="version", version=f"jobyard-scheduler {version('jobyard-scheduler')}"
    )
    return found


if __name__ == "__main__":
    main()
