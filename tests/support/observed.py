"""A yard as ``jobyard up`` starts it, under a steady load, scraped by a real Prometheus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import httpx

from monitoring.__main__ import files
from monitoring.load import ENVIRONMENT
from support.prometheus import Prometheus
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from support.processes import Service, Services
    from support.servers import StoreServer

START_SECONDS = 90.0
POOLS = [{"name": "default", "queues": ["default", "high", "low", "notifications"],
          "concurrency": 4, "min": 1, "max": 2, "latencyTargetSeconds": 2}]  # fmt: skip
SCHEDULE = """
[[schedule]]
name = "heartbeat"
task = "echo"
every = "1s"
"""


class ObservedYard:
    """One yard on ``server`` with its Prometheus. A context manager.

    ``factor`` makes all durations of the rules shorter, ``interval`` is that of scrapes and rules.
    """

    def __init__(
        self, services: Services, server: StoreServer, *, factor: float = 1, interval: str = "1s"
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.directory = services.directory
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self.up: Service = services.start("jobyard", "up", **self._environment(server))
        targets = self.directory / ".jobyard" / "prometheus-targets.json"
        rules = files(factor)["rules/jobyard.yaml"]
        self.prometheus = Prometheus(services, targets, rules, interval)

    def __enter__(self) -> Self:
        wait_for(self._is_settled, START_SECONDS, self.up.log)
        assert self.up.is_running, self.up.log()
        return self

    def __exit__(self, *_: object) -> None:
        self.prometheus.close()
        self.http.close()

    def _environment(self, server: StoreServer) -> dict[str, object]:
        schedules = self.directory / "schedules.toml"
        schedules.write_text(SCHEDULE)
        return {
            "JOBYARD_API_PORT": self.port,
            "JOBYARD_CONCURRENCY": 4,
            "JOBYARD_POOLS": json.dumps(POOLS),
            "JOBYARD_QUEUE_BUDGET_BYTES": "high:10000",  # so that something is forgotten
            "JOBYARD_REDIS_URL": server.url,
            "JOBYARD_SCHEDULES_FILE": schedules,
            **ENVIRONMENT,
        }

    def _is_settled(self) -> bool:
        return "try it:" in self.up.log() or not self.up.is_running

    def submit(self, task: str, **order: Any) -> str:
        """Submits one job over REST; returns its id."""
        reply = self.http.post("/v1/jobs", json={"task": task, **order})
        assert reply.status_code == httpx.codes.CREATED, reply.text
        return str(reply.json()["id"])
