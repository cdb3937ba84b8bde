"""Counts requests, and what they bring, for the metrics.

One object a process; its event loop alone counts.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobyard.observability.build import build_info
from jobyard.observability.metrics import (
    EVENT_CLIENTS,
    HTTP_PROBLEMS,
    HTTP_REQUEST_SECONDS,
    HTTP_REQUESTS,
    HTTP_REQUESTS_UNDER_WAY,
)
from jobyard.observability.submissions import Submissions
from jobyard.observability.values import Counter, Histogram, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobyard.observability.values import Source

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Traffic:
    """What went through, by method, route and status; ``submissions`` are the jobs of it."""

    def __init__(self) -> None:
        self.under_way = 0
        self.submissions = Submissions()
        self._streams = 0
        self._problems = Counter(HTTP_PROBLEMS)
        self._requests = Counter(HTTP_REQUESTS)
        self._seconds = Histogram(HTTP_REQUEST_SECONDS)

    @property
    def sources(self) -> tuple[Source, ...]:
        """For the port that shows the metrics."""
        return (
            self._requests,
            self._seconds,
            Reading(HTTP_REQUESTS_UNDER_WAY, lambda: {(): self.under_way}),
            self._problems,
            Reading(EVENT_CLIENTS, lambda: {(): self._streams}),
            self.submissions.counter,
            build_info("api"),
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one that is over."""
        known = method if method in _METHODS else "other"
        self._requests.add((known, route, str(status)))
        self._seconds.observe(seconds, (known, route))

    def note_problem(self, code: str) -> None:
        """Counts one that was answered with a problem."""
        self._problems.add((code,))

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """While a stream of events is open."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1
