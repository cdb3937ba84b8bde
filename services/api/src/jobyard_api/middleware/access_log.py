"""One line a request: method, route template, status, duration. No payloads, no query."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from jobyard.observability.frequent import FrequentEvent

if TYPE_CHECKING:
    from starlette.types import Scope


_PROBES = frozenset({"/livez", "/readyz"})


class AccessLog:
    """Logs each request when its response is complete; a probe that found all well at ``debug``."""

    def __init__(self) -> None:
        self._requests = FrequentEvent("jobyard_api.access", "http.request")
        self._probes = FrequentEvent("jobyard_api.access", "http.request", "debug")

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Logs one; ``status`` is 0 where no response has begun."""
        is_noise = route in _PROBES and status == HTTPStatus.OK
        (self._probes if is_noise else self._requests).log(
            {
                "method": method,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
            }
        )

    def flush(self) -> None:
        """Writes the lines that wait."""
        self._requests.flush()
        self._probes.flush()


def route_of(scope: Scope) -> str:
    """The template of the route that matched, as in ``/v1/jobs/{job_id}``; empty for none.

    Static files count as the folder that they are mounted under.
    """
    if route := scope.get("route"):
        return str(route.path)
    if scope.get("endpoint") is None:
        return ""
    return str(scope["root_path"] or scope["path"])
