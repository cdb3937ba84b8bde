"""Lets pages of named origins read answers (the CORS protocol of the Fetch standard).

Installed only where ``JOBYARD_CORS_ORIGINS`` names some. Cookies are never allowed: a page of
another origin sends a key of its own, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = (
    b"Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-Request-ID, "
    b"traceparent, tracestate"
)
_EXPOSED = (
    b"Idempotent-Replayed, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, "
    b"X-Request-ID"
)
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_MAX_AGE_SECONDS = b"600"
_VARY = (b"vary", b"Origin")


class Cors:
    """Answers preflights and marks answers, for the origins it knows; for others it does nothing.

    A page whose origin is not named can still send what a form could: the browser only keeps the
    answer from it.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self.app = app
        self.origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        allowed = [(b"access-control-allow-origin", origin)] if origin in self.origins else []
        if allowed and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _answer_preflight(allowed, send)
            return
        marks = [*allowed, (b"access-control-expose-headers", _EXPOSED)] if allowed else []

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *marks, _VARY]
            await send(message)

        await self.app(scope, receive, send_marked)


async def _answer_preflight(allowed: list[tuple[bytes, bytes]], send: Send) -> None:
    headers = [
        *allowed,
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _HEADERS),
        (b"access-control-max-age", _MAX_AGE_SECONDS),
        _VARY,
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
