"""A small steady load of the built-in tasks: something to see on every panel."""

from __future__ import annotations

import http.client
import json
import threading
from itertools import cycle
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENVIRONMENT = {"JOBYARD_EMAIL_SECONDS": "0.1", "JOBYARD_EMAIL_FAILURE_RATE": "0.5"}
"""For the workers: half of the e-mails fail at first, so that there are retries."""

_MAIL = {"to": "ada@example.com", "subject": "Hello", "body": "From a steady load."}
GOOD_JOBS: tuple[Mapping[str, Any], ...] = (
    {"task": "add", "payload": {"a": 2, "b": 3}},
    {"task": "echo", "payload": {"text": "hello"}, "queue": "high"},
    {"task": "sleep", "payload": {"seconds": 0.3}},
    {"task": "random_number", "payload": {"lowest": 1, "highest": 6}},
    {"task": "add", "payload": {"a": 1, "b": 1}, "delay_seconds": 2},
    {"task": "sleep", "payload": {"seconds": 1}, "queue": "low"},
)
"""In turn; one comes later, and all succeed."""

JOBS: tuple[Mapping[str, Any], ...] = (
    *GOOD_JOBS,
    {"task": "send_email", "payload": _MAIL},
    {"task": "add", "payload": {"a": "not a number"}},
    {"task": "fail", "payload": {}},
)
"""One more fails at first, one is refused, one fails for good."""


class SteadyLoad:
    """Submits one job after the other from a thread, whatever the answers; a context manager."""

    def __init__(self, url: str, a_second: float, jobs: Sequence[Mapping[str, Any]] = JOBS) -> None:
        self._jobs = jobs
        self._address = urlsplit(url).netloc
        self._pause_seconds = 1 / a_second
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._submit, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _submit(self) -> None:
        for job in cycle(self._jobs):
            if self._ending.wait(self._pause_seconds):
                return
            self._post(json.dumps(job))

    def _post(self, body: str) -> None:
        """A new connection each: an API that was started anew is found without ado."""
        connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            connection.request("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            pass  # the yard is not up, or not any more; the next job tells
        finally:
            connection.close()
