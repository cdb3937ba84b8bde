"""Services of a test's own, watched by a real Prometheus whose rules count seconds as minutes."""

from __future__ import annotations

import json
import math
import os
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx

from monitoring.__main__ import files
from support.prometheus import Prometheus
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.processes import Service, Services
    from support.servers import StoreServer

FACTOR = 1 / 60
INTERVAL_SECONDS = 0.5
FIRE_SECONDS = 60.0
RESOLVE_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Expected:
    """An alert by its name and by one of its labels, ``holds`` seconds long in these rules."""

    name: str
    holds: float
    label: str = "namespace"
    value: str = "yard"

    @property
    def evaluations(self) -> float:
        """How many of them fit into ``holds``."""
        return self.holds / INTERVAL_SECONDS

    def is_among(self, alerts: list[dict[str, Any]]) -> bool:
        """Whether one of ``alerts`` is this one."""
        return any(
            alert["labels"]["alertname"] == self.name
            and alert["labels"].get(self.label) == self.value
            for alert in alerts
        )


class WatchedYard:
    """An API, a scheduler and what is started; each on a metrics port that is known and kept."""

    def __init__(self, services: Services, server: StoreServer, **env: object) -> None:
        self.services = services
        self.server = server
        self._env = {"JOBYARD_REDIS_URL": server.url, **env}
        self._ports: dict[str, tuple[str, int]] = {}
        self._targets = services.directory / "targets.json"
        self.api_port = free_port()
        self.url = f"http://127.0.0.1:{self.api_port}"
        self.start("api", "jobyard-api", JOBYARD_API_PORT=self.api_port)
        self.scheduler = self.start("scheduler", "jobyard-scheduler")
        rules = files(FACTOR)["rules/jobyard.yaml"]
        interval = f"{INTERVAL_SECONDS * 1000:.0f}ms"
        self.prometheus = Prometheus(services, self._targets, rules, interval)

    def start(self, name: str, command: str, **env: object) -> Service:
        """Starts a process, or starts it again where it was."""
        _, port = self._ports.setdefault(name, (command, free_port()))
        self._targets.write_text(json.dumps(list(map(self._target, self._ports))))
        return self.services.start(command, JOBYARD_METRICS_PORT=port, **{**self._env, **env})

    def worker(self, queue: str, slots: int, number: int = 1) -> Service:
        """Starts a worker of the pool that has the queue's name."""
        env = {"JOBYARD_QUEUES": queue, "JOBYARD_POOL": queue, "JOBYARD_CONCURRENCY": slots}
        return self.start(worker_name(queue, number), "jobyard-worker", **env)

    def has_busy(self, queue: str, number: int = 1) -> bool:
        """Whether such a worker runs a job, as it says itself."""
        name = worker_name(queue, number)
        return bool(self.prometheus.query(f'jobyard_worker_busy_slots{{instance="{name}"}} > 0'))

    def submit(self, task: str, number: int = 1, **order: object) -> None:
        """Submits so many equal jobs at once."""
        jobs = [{"task": task, **order}] * number
        reply = httpx.post(f"{self.url}/v1/jobs/batch", json={"jobs": jobs}, timeout=30)
        assert reply.status_code == httpx.codes.MULTI_STATUS, reply.text
        assert {each["status"] for each in reply.json()["results"]} == {201}, reply.text

    def _target(self, name: str) -> dict[str, object]:
        command, port = self._ports[name]
        labels = {"job": command, "instance": name}
        return {"targets": [f"127.0.0.1:{port}"], "labels": labels}

    def expect_firing(self, *expected: Expected) -> dict[str, str]:
        """Waits until all of them fire; returns what each waited for, in evaluations.

        Raises:
            AssertionError: One does not fire, or did later than it should, or says nonsense.
        """
        self._wait(expected, firing=True, seconds=FIRE_SECONDS)
        alerts = {alert.name: self._firing(alert) for alert in expected}
        assert "error expanding" not in str(alerts)
        waited = {each.name: self._evaluations_pending(alerts[each.name]) for each in expected}
        for alert in expected:
            assert waited[alert.name] <= alert.evaluations + 2, (alert, waited[alert.name])
        return {
            f"{alert.name} fired, evaluations (its for is)": (
                f"{waited[alert.name]} ({alert.evaluations:g})"
            )
            for alert in expected
        }

    def expect_resolved(self, *expected: Expected) -> None:
        """Waits until none of them fires."""
        self._wait(expected, firing=False, seconds=RESOLVE_SECONDS)

    def _wait(self, expected: tuple[Expected, ...], *, firing: bool, seconds: float) -> None:
        def missing() -> list[Expected]:
            alerts = self.prometheus.alerts("firing")
            return [each for each in expected if each.is_among(alerts) is not firing]

        wait_for(lambda: not missing(), seconds, lambda: f"{firing=}: {missing()}", 0.2)

    def _firing(self, expected: Expected) -> dict[str, Any]:
        alerts = self.prometheus.alerts("firing")
        return next(alert for alert in alerts if expected.is_among([alert]))

    def _evaluations_pending(self, alert: dict[str, Any]) -> int:
        """How many evaluations it was pending for, this time."""
        labels = ",".join(f'{name}="{value}"' for name, value in alert["labels"].items())
        began = datetime.fromisoformat(alert["activeAt"][:19] + "+00:00")
        seconds = math.ceil((datetime.now(UTC) - began).total_seconds())
        pending = f'ALERTS{{{labels},alertstate="pending"}}'
        found = self.prometheus.query(f"count_over_time({pending}[{seconds}s])")
        return int(found[0]["value"][1]) if found else 0


def worker_name(queue: str, number: int) -> str:
    """The instance of a worker of ``WatchedYard``."""
    return f"{queue}-{number}"


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """SIGSTOP to all of them, SIGCONT at the end."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
