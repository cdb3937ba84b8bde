"""A client of the API from outside the cluster: through its Ingress or Gateway, by host name."""

from __future__ import annotations

import os
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from support.documented import check_documented
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable

DOOR = "JOBYARD_TEST_DOOR"
"""Where the ingress controller listens, as in ``http://127.0.0.1:8080`` (the default)."""

_BATCH = 100
_MOST_BROKEN_OFF = 50


class Client:
    """Speaks to one host name; ``http`` is a plain client of httpx."""

    def __init__(self, host: str, key: str, prefix: str = "") -> None:
        door = os.environ.get(DOOR, "http://127.0.0.1:8080")
        headers = {"Host": host, "Authorization": f"Bearer {key}"}
        hooks: Any = {"response": [] if prefix else [check_ours]}
        self.broken_off = 0
        self.http = httpx.Client(
            base_url=f"{door}{prefix}", headers=headers, timeout=30, event_hooks=hooks
        )

    def close(self) -> None:
        """Closes its connections."""
        self.http.close()

    def wait_until_ready(self, seconds: float = 30) -> None:
        """The door needs a moment to learn of a new route."""
        wait_for(lambda: self.status("/readyz") == 200, seconds)

    def status(self, path: str) -> int:
        """Status of a GET; 0 when nobody answers."""
        reply = self.get(path)
        return 0 if reply is None else reply.status_code

    def wait_for_task(self, name: str) -> None:
        """Waits until a worker has published a task."""
        wait_for(lambda: self.status(f"/v1/tasks/{name}") == 200, 60)

    def submit(self, jobs: Iterable[dict[str, Any]]) -> list[str]:
        """Submits jobs in batches; ids of those that were acknowledged, which is all."""
        waiting = list(jobs)
        ids: list[str] = []
        for start in range(0, len(waiting), _BATCH):
            reply = self.post("/v1/jobs/batch", {"jobs": waiting[start : start + _BATCH]})
            assert reply.status_code == 207, reply.text
            results = reply.json()["results"]
            assert {result["status"] for result in results} == {201}, results[:3]
            ids.extend(result["job"]["id"] for result in results)
        return ids

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Posts as a careful client does: what was broken off is sent again under its key.

        Proxies written in Go break off answers that come before they have seen the end of what
        they pass on (golang/go, ``ReverseProxy``): on a busy machine, one batch in a hundred.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        while True:
            try:
                return self.http.post(path, json=body, headers=headers)
            except httpx.TransportError:
                self.broken_off += 1
                assert self.broken_off < _MOST_BROKEN_OFF, "the door breaks off everything"

    def queue(self, name: str) -> dict[str, Any]:
        """One queue as the API shows it."""
        found: dict[str, Any] = self.http.get(f"/v1/queues/{name}").raise_for_status().json()
        return found

    def has_ended(self, queue: str) -> bool:
        """Whether all jobs of a queue have; not known, so no, where nobody answers."""
        reply = self.get(f"/v1/queues/{queue}")
        if reply is None or reply.status_code != 200:
            return False
        found = reply.json()
        return not any(found[state] for state in ("queued", "running", "scheduled"))

    def get(self, path: str) -> httpx.Response | None:
        """The answer to a GET; None when there is none."""
        try:
            return self.http.get(path)
        except httpx.TransportError:
            return None

    def not_succeeded(self, ids: Iterable[str]) -> dict[str, str]:
        """Job id → what became of it instead, of those that have not succeeded."""
        found = {}
        for job_id in ids:
            reply = wait_for(partial(self._answer, f"/v1/jobs/{job_id}"), 60)
            job = reply.json()
            if job.get("state") != "succeeded":
                found[job_id] = f"{job.get('state', 'gone')}: {job.get('error')}"
        return found

    def _answer(self, path: str) -> httpx.Response | None:
        """An answer of the API's own, which a proxy without anybody behind it does not give."""
        reply = self.get(path)
        if reply is None or reply.status_code >= 500:
            return None
        return reply if "json" in reply.headers.get("content-type", "") else None


def check_ours(reply: httpx.Response) -> None:
    """Compares an answer of the API with its document; a proxy's own answer has no such id."""
    if "x-request-id" in reply.headers:
        check_documented(reply)
