"""Counts requests for the metrics. One object a process; its event loop alone counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.observability.metrics import (
    HTTP_REQUEST_SECONDS,
    HTTP_REQUESTS,
    HTTP_REQUESTS_UNDER_WAY,
)
from jobyard.observability.values import Counter, Histogram, Reading

if TYPE_CHECKING:
    from jobyard.observability.values import Source, Values

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Traffic:
    """What went through, by method, route and status."""

    def __init__(self) -> None:
        self.under_way = 0
        self._requests = Counter(HTTP_REQUESTS)
        self._seconds = Histogram(HTTP_REQUEST_SECONDS)

    @property
    def sources(self) -> tuple[Source, ...]:
        """For the port that shows the metrics."""
        under_way = Reading(HTTP_REQUESTS_UNDER_WAY, self._under_way)
        return self._requests, self._seconds, under_way

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one that is over."""
        known = method if method in _METHODS else "other"
        self._requests.add((known, route, str(status)))
        self._seconds.observe(seconds, (known, route))

    def _under_way(self) -> Values:
        return {(): self.under_way}
