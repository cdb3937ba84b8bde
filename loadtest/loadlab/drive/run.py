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
_FINISH_SECONDS = 60.0
_POLL_SECONDS = 0.05
_REPORT, _FINISH, _REST = "loadlab", "loadlab.finish", "loadlab.rest"
_events: Any = untyped_events


class ScenarioShape(LoadTestShape):
    """As many users all the time: each knows when its share of the arrivals is due.

    Locust looks at a shape once a second only, and lets users come and go at some rate.
    """

    scenario: ClassVar[Scenario]

    @override
    def tick(self) -> tuple[int, float] | None:
        """The users, and that they all come at once; None at the end."""
        if time.perf_counter() - self.start_time >= self.scenario.seconds:
            return None
        return self.scenario.users, self.scenario.users


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


def listen(scenario: Scenario, directory: Path, *, by_hand: bool) -> None:
    """Registers for what Locust says from now on; ``by_hand`` is told to the driver."""

    def prepare(environment: Environment, **_: Any) -> None:
        OpenUser.driver = driver = Driver(environment, scenario, by_hand=by_hand)
        _events.test_start.add_listener(lambda **_: driver.begin())
        runner = environment.runner
        if isinstance(runner, WorkerRunner):
            _report_to_master(runner, driver)
            return
        records = Records(directory)
        _events.test_start.add_listener(lambda **_: records.begin())
        if isinstance(runner, MasterRunner):
            _receive_from_workers(runner, records)
        else:
            _write_here(driver, records)

    _events.init.add_listener(prepare)


def _write_here(driver: Driver, records: Records) -> None:
    def write_regularly() -> None:
        while True:
            gevent.sleep(_WRITE_SECONDS)
            records.write(driver.drain())

    def finish(**_: Any) -> None:
        driver.finish()
        records.write(driver.drain())

    _events.test_start.add_listener(lambda **_: gevent.spawn(write_regularly))
    _events.test_stop.add_listener(finish)


def _report_to_master(runner: WorkerRunner, driver: Driver) -> None:
    """With each of Locust's reports, and the rest when the master asks for it."""

    def report(data: dict[str, Any], **_: Any) -> None:
        data[_REPORT] = driver.drain()

    def finish(**_: Any) -> None:
        driver.finish()
        runner.send_message(_REST, driver.drain())

    _events.report_to_master.add_listener(report)
    runner.register_message(_FINISH, finish, concurrent=True)


def _receive_from_workers(runner: MasterRunner, records: Records) -> None:
    """Locust's master waits half a second for last reports; answers may be under way for longer."""
    finished: set[str] = set()

    def receive(data: dict[str, Any], **_: Any) -> None:
        if _REPORT in data:
            records.write(data.pop(_REPORT))

    def receive_rest(msg: Any, **_: Any) -> None:
        records.write(msg.data)
        finished.add(msg.node_id)

    def finish(**_: Any) -> None:
        workers = {worker.id for worker in runner.clients.ready + runner.clients.running}
        workers |= {worker.id for worker in runner.clients.spawning}
        runner.send_message(_FINISH)
        deadline = time.monotonic() + _FINISH_SECONDS
        while not workers <= finished and time.monotonic() < deadline:
            gevent.sleep(_POLL_SECONDS)
        finished.clear()

    _events.worker_report.add_listener(receive)
    _events.test_stop.add_listener(finish)
    runner.register_message(_REST, receive_rest)
