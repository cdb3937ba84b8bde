"""One real run of `jobyard up --autoscale` under a workload, and what its jobs waited."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.starts import Starts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobyard_cli.model.workload import Workload

_START_SECONDS = 120.0
_END_SECONDS = 600.0
_ENDED = {"succeeded", "failed", "canceled", "expired"}


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a run.

    Attributes:
        waits: Of each job, in seconds by the store's clock.
        startup_seconds: From wanting a worker to its start, on average.
        not_succeeded: Jobs that did not.
    """

    waits: list[float]
    startup_seconds: float
    not_succeeded: int


class Yard:
    """A running `jobyard up --autoscale` in a directory of its own."""

    def __init__(self, port: int, log: Path) -> None:
        self._port = port
        self.log_path = log

    def submit(self, seconds: float) -> str:
        """Submits a job that sleeps; returns its id."""
        job = {"task": "sleep", "queue": "default", "payload": {"seconds": seconds}}
        return str(self._ask("POST", "/v1/jobs", job)["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """A job as the API shows it."""
        return self._ask("GET", f"/v1/jobs/{job_id}")

    def log(self) -> str:
        """What it said so far."""
        return self.log_path.read_text(errors="replace")

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


@contextmanager
def running_yard(environment: Mapping[str, str]) -> Iterator[Yard]:
    """Starts one, and stops it in order."""
    with tempfile.TemporaryDirectory(prefix="jobyard-model-") as name:
        directory, port = Path(name), _free_port()
        log = directory / "up.log"
        command = [str(Path(sys.executable).with_name("jobyard")), "up", "--port", str(port)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=directory,
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        yard = Yard(port, log)
        try:
            _wait(lambda: "try it:" in yard.log(), _START_SECONDS, "the yard is not ready")
            yield yard
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def run(yard: Yard, workload: Workload) -> Measured:
    """Submits each job at its time, waits for the last one's end."""
    starts, ids = Starts(yard.log_path), []
    began = time.monotonic()
    for at, seconds in zip(workload.arrivals, workload.durations, strict=True):
        time.sleep(max(0.0, began + at - time.monotonic()))
        ids.append(yard.submit(seconds))
    jobs = [_ended(yard, job_id) for job_id in ids]
    failed = sum(job["state"] != "succeeded" for job in jobs)
    return Measured([_waited(job) for job in jobs], starts.mean_seconds(), failed)


def _ended(yard: Yard, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = {}

    def has_ended() -> bool:
        job.update(yard.job(job_id))
        return job["state"] in _ENDED

    _wait(has_ended, _END_SECONDS, f"job {job_id} does not end")
    return job


def _waited(job: dict[str, Any]) -> float:
    created, started = (datetime.fromisoformat(job[name]) for name in ("created_at", "started_at"))
    return (started - created).total_seconds()


def _wait(is_true: Any, seconds: float, trouble: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(trouble)
        time.sleep(0.05)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
