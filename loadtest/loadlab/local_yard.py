"""A yard that is started for the run: `jobyard up` with the tasks of the lab, on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from loadlab.api import Api
from loadlab.files import LEDGER, LEDGER_VARIABLE, YARD_LOG

if TYPE_CHECKING:
    from types import TracebackType

    from loadlab.scenario import Scenario

START_SECONDS = 90.0
STOP_SECONDS = 60.0
_LOADTEST = Path(__file__).resolve().parent.parent
_KINDS = {
    "jobyard-api": "api",
    "jobyard-worker": "worker",
    "jobyard-scheduler": "scheduler",
    "valkey-server": "store",
    "redis-server": "store",
}


class YardError(Exception):
    """The yard did not start; the message names its log."""


class LocalYard:
    """Runs while in the ``with`` block; its data and log are in the run's directory."""

    def __init__(self, directory: Path, scenario: Scenario) -> None:
        self._directory = directory
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        command = Path(sysconfig.get_path("scripts")) / "jobyard"
        with (directory / YARD_LOG).open("ab") as log:
            self._process = subprocess.Popen(
                [str(command), "up", "--workers", str(scenario.workers), *scenario.up],
                cwd=directory,
                env=self._environment(scenario),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Kind (``api``, ``worker``, ``scheduler``, ``store``) → its processes, oldest first."""
        found: dict[str, list[psutil.Process]] = {}
        try:
            children = psutil.Process(self._process.pid).children()
        except psutil.Error:
            children = []
        for child in children:
            if kind := _kind_of(child):
                found.setdefault(kind, []).append(child)
        return found

    def _environment(self, scenario: Scenario) -> dict[str, str]:
        paths = [str(_LOADTEST), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **os.environ,
            **scenario.environment,
            "PYTHONPATH": os.pathsep.join(paths),
            "JOBYARD_API_PORT": str(self._port),
            "JOBYARD_TASK_MODULES": "loadlab.tasks",
            LEDGER_VARIABLE: str(self._directory / LEDGER),
        }

    def _wait_until_ready(self) -> None:
        api = Api(self.url)
        deadline = time.monotonic() + START_SECONDS
        while api.read("/v1/tasks/load.sleep") is None or api.read("/readyz") is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise YardError(f"The yard did not start: see {self._directory / YARD_LOG}")
            time.sleep(0.1)

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _kind_of(process: psutil.Process) -> str | None:
    try:
        words = [Path(word).name for word in " ".join(process.cmdline()).split()[:2]]
    except psutil.Error:
        return None
    return next((_KINDS[word] for word in words if word in _KINDS), None)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
