"""`jobyard up`: the whole yard on this machine, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jobyard.connection import describe
from jobyard_cli.yard.embedded import free_port, store_program
from jobyard_cli.yard.guard import Guard
from jobyard_cli.yard.lock import YardLock
from jobyard_cli.yard.log import YardLog
from jobyard_cli.yard.programs import WORKER_MARGIN_SECONDS, service_names, service_programs
from jobyard_cli.yard.readiness import (
    api_is_ready,
    check_port,
    check_store,
    store_answers,
    wait_until,
    worker_is_ready,
)
from jobyard_cli.yard.service import Stage
from jobyard_cli.yard.yard import ServiceStoppedError, Yard

if TYPE_CHECKING:
    from types import FrameType

    from jobyard_cli.settings import UpSettings

DIRECTORY = Path(".jobyard")
STORE_START_SECONDS = 60.0
"""A store of some gigabytes reads its append-only file for that long."""
POLL_SECONDS = 0.1
STILL_WAITING_SECONDS = 15.0


def up(settings: UpSettings) -> None:
    """Starts the yard, keeps it running, and stops it in order on SIGINT, SIGTERM or SIGHUP.

    Raises:
        JobyardError: It cannot start; the message says what to do.
    """
    stopping = _StopFlag()
    with YardLock(DIRECTORY) as lock:
        settings = _with_port(settings)
        check_port(settings.api_host, settings.api_port)
        if settings.uses_outside_store:
            check_store(settings)
        log = YardLog(sys.stdout, service_names(settings))
        guard = Guard(settings.grace_seconds + WORKER_MARGIN_SECONDS, lock.descriptor)
        yard = Yard(log, guard)
        try:
            _Run(settings, yard, log, stopping).run(lock.descriptor)
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


class _Run:
    """One run of the yard, from the store's start to the request to stop."""

    def __init__(self, settings: UpSettings, yard: Yard, log: YardLog, stopping: _StopFlag) -> None:
        self._settings = settings
        self._yard = yard
        self._log = log
        self._stopping = stopping
        self._started_at = time.monotonic()
        self._says_so_at = self._started_at + STILL_WAITING_SECONDS

    def run(self, lock_descriptor: int) -> None:
        """Starts all, says when they are ready, and restarts what dies."""
        if not self._settings.uses_outside_store:
            self._start_store(lock_descriptor)
        for program in service_programs(self._settings):
            self._yard.start(program)
        if self._becomes_ready():
            self._greet()
        while not self._ends():
            self._yard.revive()
            time.sleep(POLL_SECONDS)

    def _ends(self) -> bool:
        return self._stopping.is_set or self._log.is_broken

    def _start_store(self, lock_descriptor: int) -> None:
        port = free_port()
        self._settings = self._settings.with_store(f"redis://127.0.0.1:{port}/0")
        directory = (DIRECTORY / "valkey").resolve()
        self._yard.start(store_program(directory, port, lock_descriptor))
        if not wait_until(self._store_is_up, STORE_START_SECONDS):
            raise ServiceStoppedError(f"The store does not answer; see {directory}/server.log")

    def _store_is_up(self) -> bool:
        try:
            self._yard.check_alive(Stage.STORE)
        except ServiceStoppedError as error:
            log_file = (DIRECTORY / "valkey" / "server.log").resolve()
            raise ServiceStoppedError(f"{error}; see {log_file}") from None
        return self._ends() or store_answers(self._settings)

    def _becomes_ready(self) -> bool:
        while not self._is_ready():
            if self._ends():
                return False
            self._yard.check_settings()
            self._yard.revive()
            self._say_what_is_missing()
            time.sleep(POLL_SECONDS)
        return True

    def _is_ready(self) -> bool:
        return self._worker_is_ready() and api_is_ready(_url(self._settings))

    def _worker_is_ready(self) -> bool:
        pids = self._yard.pids(Stage.WORKERS)
        return not pids or worker_is_ready(self._settings, pids)

    def _say_what_is_missing(self) -> None:
        if time.monotonic() > self._says_so_at:
            missing = "the API" if self._worker_is_ready() else "a worker"
            self._log.say(f"still waiting for {missing}")
            self._says_so_at = time.monotonic() + STILL_WAITING_SECONDS

    def _greet(self) -> None:
        url = _url(self._settings)
        seconds = time.monotonic() - self._started_at
        for line in (
            f"ready after {seconds:.1f} s; Ctrl-C drains and stops everything",
            f"  API        {url}/v1/jobs",
            f"  reference  {url}/docs",
            f"  dashboard  {url}/rq",
            f"  store      {describe(self._settings.redis_url)}",
            "try it:",
            f"  {_example(url)}",
        ):
            self._log.say(line)


def _example(url: str) -> str:
    body = '{"task": "add", "payload": {"a": 2, "b": 3}}'
    return f"curl -s {url}/v1/jobs -H 'Content-Type: application/json' -d '{body}'"


def _with_port(settings: UpSettings) -> UpSettings:
    if settings.api_port:
        return settings
    return settings.model_copy(update={"api_port": free_port(settings.api_host)})


def _url(settings: UpSettings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.api_host, settings.api_host)  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{settings.api_port}"
