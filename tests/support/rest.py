"""The API as a process of the test, and an HTTP client for it."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Self

import httpx

from support.documented import check_documented
from support.servers import free_port
from support.waiting import wait_for

if TYPE_CHECKING:
    from support.processes import Services


class Rest:
    """Starts ``jobyard-api`` on a free port. A context manager; ``http`` talks to it."""

    def __init__(self, services: Services, **env: object) -> None:
        self.port = free_port()
        self._services = services
        self._env = {"JOBYARD_API_PORT": self.port, **env}
        self.service = services.start("jobyard-api", **self._env)
        hooks: Any = {"response": [check_documented]}
        url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=url, timeout=30, event_hooks=hooks)

    def __enter__(self) -> Self:
        wait_for(lambda: self.status("/readyz") == 200, 20, self.service.log)
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def restart(self) -> None:
        """Starts it again, on its port, after it has ended."""
        self.service = self._services.start("jobyard-api", **self._env)

    def status(self, path: str) -> int:
        """Status of a GET; 0 when nobody answers."""
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return 0

    def wait_for_task(self, name: str) -> None:
        """Waits until the catalogue has a task."""
        wait_for(lambda: self.status(f"/v1/tasks/{name}") == 200, 20)

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Posts, and posts again under the same idempotency key while the answer is 503."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        while True:
            reply = self.http.post(path, json=body, headers=headers)
            if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return reply
            time.sleep(float(reply.headers["retry-after"]))  # as the server asks

    def submit(self, task: str, **fields: Any) -> dict[str, Any]:
        """Submits one job and returns it."""
        reply = self.http.post("/v1/jobs", json={"task": task, **fields})
        assert reply.status_code == 201, reply.text
        job: dict[str, Any] = reply.json()
        return job

    def job(self, job_id: str) -> dict[str, Any]:
        """One job as the API shows it."""
        job: dict[str, Any] = self.http.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        return job
