"""One run of the yard, from the store's start to the request to stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard_cli.yard.crew import Crew
from jobyard_cli.yard.embedded import free_port, store_program
from jobyard_cli.yard.programs import service_programs
from jobyard_cli.yard.readiness import api_is_ready, store_answers, wait_until
from jobyard_cli.yard.scaler import Scaler
from jobyard_cli.yard.service import Stage
from jobyard_cli.yard.yard import ServiceStoppedError, Yard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobyard_cli.settings import UpSettings
    from jobyard_cli.yard.log import YardLog
    from jobyard_cli.yard.registered import Roll

STORE_START_SECONDS = 60.0
"""A store of some gigabytes reads its append-only file for that long."""
FIRST_PROGRAMS = 2
HEAD_START_SECONDS = 3.0
"""The API and one worker have the processors for themselves until one of them is up, for at most
so long. On two busy processors the first job was done (and all was ready) after 4.4 s (4.9 s);
5.1 s (5.3 s) without a head start, 3.6 s (5.4 s) with one until the API answers."""
POLL_SECONDS = 0.05
STILL_WAITING_SECONDS = 15.0


class Session:
    """Starts all, says when they are ready, restarts what dies; ``ends`` says when to leave."""

    def __init__(
        self, settings: UpSettings, yard: Yard, log: YardLog, ends: Callable[[], bool]
    ) -> None:
        self._settings = settings
        self._yard = yard
        self._log = log
        self._ends = ends
        self._roll: Roll | None = None
        self._started_at = time.monotonic()
        self._says_so_at = self._started_at + STILL_WAITING_SECONDS

    def run(self, store_directory: Path, lock_descriptor: int) -> None:
        """Runs until it is asked to stop.

        Raises:
            JobyardError: A part refuses to start; the message says what to do.
        """
        if not self._settings.uses_outside_store:
            self._start_store(store_directory, lock_descriptor)
        self._start_services()
        if self._becomes_ready():
            self._greet()
        scaler = self._scaler() if self._settings.autoscale else None
        while not self._ends():
            self._yard.revive()
            if scaler is not None:
                scaler.turn()
            time.sleep(POLL_SECONDS)

    def _scaler(self) -> Scaler:
        roll, settings = self._registered(), self._settings
        return Scaler(
            settings.scaled_pool(settings.queues),
            settings.terms(),
            Crew(settings, self._yard, roll.idle),
            load=roll.load,
            say=self._log.say,
        )

    def _start_store(self, directory: Path, lock_descriptor: int) -> None:
        port = free_port()
        self._settings = self._settings.with_store(f"redis://127.0.0.1:{port}/0")
        self._yard.start(store_program(directory, port, lock_descriptor))
        if not wait_until(lambda: self._store_is_up(port), STORE_START_SECONDS):
            raise ServiceStoppedError(f"The store does not answer; see {directory}/server.log")

    def _store_is_up(self, port: int) -> bool:
        self._yard.check_alive(Stage.STORE)
        return self._ends() or store_answers(port)

    def _start_services(self) -> None:
        programs = service_programs(self._settings)
        for program in programs[:FIRST_PROGRAMS]:
            self._yard.start(program)
        wait_until(self._head_start_ends, HEAD_START_SECONDS)
        for program in programs[FIRST_PROGRAMS:]:
            self._yard.start(program)

    def _head_start_ends(self) -> bool:
        return self._ends() or self._yard.has_spoken(Stage.WORKERS) or self._api_is_ready()

    def _becomes_ready(self) -> bool:
        while not self._is_ready():
            if self._ends():
                return False
            self._yard.revive()
            self._say_what_is_missing()
            time.sleep(POLL_SECONDS)
        return True

    def _is_ready(self) -> bool:
        return (
            self._api_is_ready() and self._has_worker() and self._yard.has_settled(Stage.SERVICES)
        )

    def _api_is_ready(self) -> bool:
        return api_is_ready(*_address(self._settings))

    def _has_worker(self) -> bool:
        pids = self._yard.pids(Stage.WORKERS)
        return not pids or self._registered().has_any(pids)

    def _registered(self) -> Roll:
        if self._roll is None:
            # Late, as `registered` says.
            from jobyard_cli.yard.registered import Roll  # noqa: PLC0415

            self._roll = Roll(self._settings)
        return self._roll

    def _say_what_is_missing(self) -> None:
        if time.monotonic() > self._says_so_at:
            missing = "the API and the scheduler" if self._has_worker() else "a worker"
            self._log.say(f"still waiting for {missing}")
            self._says_so_at = time.monotonic() + STILL_WAITING_SECONDS

    def _greet(self) -> None:
        seconds = time.monotonic() - self._started_at
        self._log.say(f"ready after {seconds:.1f} s; Ctrl-C drains and stops everything")
        for line in greeting(self._settings):
            self._log.say(f"  {line}")


def greeting(settings: UpSettings) -> list[str]:
    """Where everything is, and a command to try that works as it stands."""
    host, port = _address(settings)
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    body = '{"task": "add", "payload": {"a": 2, "b": 3}}'
    store = settings.redis_url.rpartition("@")[2] if "@" in settings.redis_url else ""
    return [
        f"API        {url}/v1/jobs",
        f"reference  {url}/docs",
        f"dashboard  {url}/rq",
        f"store      {store or settings.redis_url}",
        "try it:",
        f"curl -s {url}/v1/jobs -H 'Content-Type: application/json' -d '{body}'",
    ]


def _address(settings: UpSettings) -> tuple[str, int]:
    """Where this machine reaches the API."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    return everywhere.get(settings.api_host, settings.api_host), settings.api_port
