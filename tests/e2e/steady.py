"""A client that goes on submitting through the door, whatever is replaced behind it."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.client import Client

_PAUSE_SECONDS = 0.05


@dataclass
class SteadyLoad:
    """Submits one job after the other from a thread and keeps every answer.

    What gets no answer, or 503 with ``Retry-After``, is sent again under its key, as the docs tell
    clients to; both are counted.
    """

    client: Client
    job: Callable[[], dict[str, Any]]
    acknowledged: list[str] = field(default_factory=list)
    put_off: int = 0
    """Answers 503 with ``Retry-After``."""
    failures: list[str] = field(default_factory=list)
    """Any other answer but 201, and connections that were broken off."""

    def __enter__(self) -> Self:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(_PAUSE_SECONDS):
            self._submit(self.job(), str(uuid.uuid4()))

    def _submit(self, job: dict[str, Any], key: str) -> None:
        pause = 0.0
        while not self._ending.wait(pause):
            reply = self._send(job, key)
            if reply is not None and reply.status_code in {200, 201}:
                self.acknowledged.append(reply.json()["id"])
                return
            pause = float(reply.headers.get("retry-after", 1)) if reply is not None else 0.5

    def _send(self, job: dict[str, Any], key: str) -> httpx.Response | None:
        try:
            reply = self.client.http.post("/v1/jobs", json=job, headers={"Idempotency-Key": key})
        except httpx.TransportError as error:
            self.failures.append(repr(error))
            return None
        if reply.status_code == 503 and "retry-after" in reply.headers:
            self.put_off += 1
        elif reply.status_code not in {200, 201}:
            self.failures.append(f"{reply.status_code}: {reply.text[:200]}")
        return reply
