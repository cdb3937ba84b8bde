"""One line a request: method, route template, status, duration. No payloads, no query."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = get_logger("jobyard_api.access")


class AccessLog:
    """Logs each request when its response is complete."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0
        began = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            _log.info(
                "http.request",
                method=scope["method"],
                route=route_of(scope),
                status=status,
                duration_ms=round((time.perf_counter() - began) * 1000, 2),
            )


def route_of(scope: Scope) -> str:
    """The template of the route that matched, as in ``/v1/jobs/{job_id}``; empty for none.

    Static files count as the folder that they are mounted under.
    """
    if route := scope.get("route"):
        return str(route.path)
    if scope.get("endpoint") is None:
        return ""
    return str(scope["root_path"] or scope["path"])
