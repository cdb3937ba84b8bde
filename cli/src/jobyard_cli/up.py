"""`jobyard up`: the whole yard on this machine, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobyard.queues import BUILT_IN_QUEUES
from jobyard_cli.yard.embedded import free_port
from jobyard_cli.yard.guard import Guard
from jobyard_cli.yard.lock import YardLock
from jobyard_cli.yard.log import YardLog
from jobyard_cli.yard.programs import WORKER_MARGIN_SECONDS, service_names
from jobyard_cli.yard.readiness import check_port
from jobyard_cli.yard.session import Session
from jobyard_cli.yard.yard import Yard

if TYPE_CHECKING:
    from types import FrameType

    from jobyard_cli.settings import UpSettings

DIRECTORY = Path(".jobyard")


def up(settings: UpSettings) -> None:
    """Starts the yard, keeps it running, and stops it in order on SIGINT, SIGTERM or SIGHUP.

    Raises:
        JobyardError: It cannot start; the message says what to do.
    """
    stopping = _StopFlag()
    with YardLock(DIRECTORY) as lock:
        settings = _checked(settings)
        log = YardLog(sys.stdout, service_names(settings))
        guard = Guard(settings.grace_seconds + WORKER_MARGIN_SECONDS, lock.descriptor)
        yard = Yard(log, guard, DIRECTORY)
        session = Session(settings, yard, log, lambda: stopping.is_set or log.is_broken)
        try:
            session.run(DIRECTORY.resolve() / "valkey", lock.descriptor)
        finally:
            yard.stop(log.say)
            guard.close()
            log.say("stopped")


class _StopFlag:
    """Whether a signal asked to stop. The handler sets a flag and nothing else."""

    def __init__(self) -> None:
        self.is_set = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._set)

    def _set(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.is_set = True


def _checked(settings: UpSettings) -> UpSettings:
    """The settings with a port for the API; what can be known to fail fails here."""
    if settings.api_port == 0:
        settings = settings.model_copy(update={"api_port": free_port(settings.api_host)})
    check_port(settings.api_host, settings.api_port)
    if settings.uses_outside_store:
        # Late, as `registered` says; here the start has to wait for it.
        from jobyard_cli.yard.registered import check_store  # noqa: PLC0415

        check_store(settings)
    return _with_queues(settings) if settings.autoscale and not settings.queues else settings


def _with_queues(settings: UpSettings) -> UpSettings:
    """Scaled for the queues that the workers would serve: those of all tasks."""
    from jobyard.registry import discover  # noqa: PLC0415 - imports all tasks, for this only

    tasks = discover(settings.task_modules).tasks()
    named = sorted({task.queue for task in tasks if task.queue})
    queues = dict.fromkeys((*BUILT_IN_QUEUES, settings.default_queue, *named))
    return settings.model_copy(update={"queues": tuple(queues)})
