"""One run inside Locust: its shape, its beginning and end, and the files of its records."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, ClassVar

import gevent
from locust import LoadTestShape
from locust import events as untyped_events
from locust.runners import MasterRunner, WorkerRunner
from typing_extensions import override

from loadlab.drive.driver import Driver
from loadlab.drive.users import OpenUser
from loadlab.files import ACKNOWLEDGED, BEGUN, REQUESTS

if TYPE_CHECKING:
    from pathlib import Path

    from locust.env import Environment

    from loadlab.scenario import Scenario

_WRITE_SECONDS = 1.0
_REPORT_KEY = "loadlab"
_events: Any = untyped_events


class ScenarioShape(LoadTestShape):
    """Turns a scenario's arrivals a second into Locust's users."""

    scenario: ClassVar[Scenario]

    @override
    def tick(self) -> tuple[int, float] | None:
        """How many users there are now; None when the run is over."""
        second = time.perf_counter() - self.start_time
        if second >= self.scenario.seconds:
            return None
        users = self.scenario.users_at(second)
        return users, max(users, 1)


class Records:
    """Appends what drivers drained to the files of a run's directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def begin(self) -> None:
        """Says when the first request could be due."""
        (self._directory / BEGUN).write_text(f"{time.time():.6f}\n")

    def write(self, drained: dict[str, Any]) -> None:
        """Adds lines; a job's id is on disk before the next one is asked for its end."""
        with (self._directory / REQUESTS).open("a") as file:
            file.writelines(json.dumps(record) + "\n" for record in drained["requests"])
        with (self._directory / ACKNOWLEDGED).open("a") as file:
            file.writelines(line + "\n" for line in drained["acknowledged"])


def listen(scenario: Scenario, directory: Path) -> None:
    """Registers for what Locust says from now on."""

    def prepare(environment: Environment, **_: Any) -> None:
        OpenUser.driver = driver = Driver(environment, scenario)
        _events.test_start.add_listener(lambda **_: driver.begin())
        if isinstance(environment.runner, WorkerRunner):
            _report_to_master(driver)
        else:
            _write_here(environment, driver, Records(directory))
        _events.test_stop.add_listener(lambda **_: driver.finish())

    _events.init.add_listener(prepare)


def _report_to_master(driver: Driver) -> None:
    def send(data: dict[str, Any], **_: Any) -> None:
        data[_REPORT_KEY] = driver.drain()

    _events.report_to_master.add_listener(send)


def _write_here(environment: Environment, driver: Driver, records: Records) -> None:
    def begin(**_: Any) -> None:
        records.begin()
        if not isinstance(environment.runner, MasterRunner):
            gevent.spawn(_write_regularly, driver, records)

    def receive(data: dict[str, Any], **_: Any) -> None:
        if _REPORT_KEY in data:
            records.write(data.pop(_REPORT_KEY))

    _events.test_start.add_listener(begin)
    _events.worker_report.add_listener(receive)
    _events.quitting.add_listener(lambda **_: records.write(driver.drain()))


def _write_regularly(driver: Driver, records: Records) -> None:
    while True:
        gevent.sleep(_WRITE_SECONDS)
        records.write(driver.drain())
