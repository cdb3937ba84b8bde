"""A client that goes on submitting over REST, whatever happens to the store meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from support.rest import Rest


class Load:
    """Submits one job after the other from a thread and keeps every answer."""

    def __init__(self, rest: Rest, job_seconds: float) -> None:
        """``job_seconds``: for so long each job sleeps."""
        self.url = f"http://127.0.0.1:{rest.port}/v1/jobs"
        self.job = {"task": "sleeper", "queue": "q", "payload": {"seconds": job_seconds}}
        self.acknowledged: list[str] = []
        self.refusals: list[httpx.Response] = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._submit)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No more; what was acknowledged by then is known."""
        self.ending.set()
        self.thread.join()

    def _submit(self) -> None:
        with httpx.Client(timeout=30) as http:
            while not self.ending.wait(0.01):
                reply = http.post(self.url, json=self.job)
                if reply.status_code == 201:
                    self.acknowledged.append(reply.json()["id"])
                elif reply.status_code != 422:  # before the workers published the task
                    self.refusals.append(reply)
