"""The yard itself: starts its programs in order, keeps them alive, stops them in reverse."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.errors import JobyardError
from jobyard_cli.yard.service import Program, Service, Stage, describe_exit
from jobyard_cli.yard.targets import write_targets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobyard_cli.yard.guard import Guard
    from jobyard_cli.yard.log import YardLog


class ServiceStoppedError(JobyardError):
    """A service refused to start; trying again would not help."""


class Yard:
    """Several services with one log and one guard; ``directory`` tells where their metrics are."""

    def __init__(self, log: YardLog, guard: Guard, directory: Path) -> None:
        self._log = log
        self._guard = guard
        self._directory = directory
        self._services: list[Service] = []
        self._leaving: list[tuple[Service, float]] = []

    def start(self, program: Program) -> None:
        """Starts one more program."""
        service = Service(program, self._log, self._guard)
        self._services.append(service)
        service.start()
        write_targets(self._directory, (service.program for service in self._services))

    def retire(self, name: str) -> None:
        """Asks a service to stop; it is not started again, and forgotten when it has ended."""
        for service in [each for each in self._services if each.program.name == name]:
            self._services.remove(service)
            service.ask_to_stop()
            self._leaving.append((service, time.monotonic() + service.program.stop_seconds))

    def names(self, stage: Stage) -> set[str]:
        """The names of a stage's services, with those that are leaving."""
        leaving = (service for service, _ in self._leaving)
        services = [*self._of(stage), *(each for each in leaving if each.program.stage is stage)]
        return {service.program.name for service in services}

    def by_pid(self, stage: Stage) -> dict[int, str]:
        """The names of a stage's services that are to stay, by process id."""
        services = self._of(stage)
        return {each.pid: each.program.name for each in services if each.pid is not None}

    def pids(self, stage: Stage) -> set[int]:
        """The process ids of a stage's services."""
        services = self._of(stage)
        return {service.pid for service in services if service.pid is not None}

    def has_spoken(self, stage: Stage) -> bool:
        """Whether a service of a stage has logged anything."""
        return any(service.last_line for service in self._of(stage))

    def has_settled(self, stage: Stage) -> bool:
        """Whether every service of a stage runs and accepted its settings."""
        return all(service.has_settled for service in self._of(stage))

    def revive(self) -> None:
        """Starts again what has died.

        Raises:
            ServiceStoppedError: A service refused its settings; the message carries its last line.
        """
        self._check_settings()
        for service in self._services:
            service.revive()
        self._see_off()

    def check_alive(self, stage: Stage) -> None:
        """Finds services of a stage that have ended.

        Raises:
            ServiceStoppedError: One has.
        """
        for service in self._of(stage):
            if service.exit_code() is not None:
                self._refuse(service)

    def stop(self, report: Callable[[str], None]) -> None:
        """Stops everything, stage by stage, and kills what outlives its time."""
        self._services += [service for service, _ in self._leaving]
        self._leaving.clear()
        for stage in Stage:
            services = self._of(stage)
            if services:
                report(f"stopping {', '.join(service.program.name for service in services)}")
            self._stop(services)

    def _see_off(self) -> None:
        """Ends what is leaving and has ended, or outlives its time."""
        now = time.monotonic()
        for service, deadline in self._leaving.copy():
            if service.exit_code() is not None or now > deadline:
                service.wait(now)
                self._leaving.remove((service, deadline))

    def _check_settings(self) -> None:
        for service in self._services:
            if service.refused_settings:
                self._refuse(service)

    def _stop(self, services: list[Service]) -> None:
        for service in services:
            service.ask_to_stop()
        now = time.monotonic()
        for service in services:
            service.wait(now + service.program.stop_seconds)

    def _of(self, stage: Stage) -> list[Service]:
        return [service for service in self._services if service.program.stage is stage]

    def _refuse(self, service: Service) -> None:
        service.wait(time.monotonic())
        name, code = service.program.name, service.exit_code()
        said = service.last_line or service.program.hint
        raise ServiceStoppedError(f"{name} did not start ({describe_exit(code or 0)}): {said}")
