"""Counts the bytes of a body as they arrive; beyond the limit the request is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError
from jobyard_api.serving.broken_off import BROKEN_OFF

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Lets no route read more than ``max_bytes``, whatever ``Content-Length`` says."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handles one request. The body of a GET is read by nobody."""
        if scope["type"] != "http" or scope["method"] == "GET":
            return self.app(scope, receive, send)
        return self.app(scope, self._counted(scope, receive), send)

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        seen = 0
        announced = _content_length(scope)

        async def receive_counted() -> Message:
            nonlocal seen
            if announced > self.max_bytes:
                raise self._too_large()
            message = await receive()
            if BROKEN_OFF in scope:
                raise scope[BROKEN_OFF]
            seen += len(message.get("body", b""))
            if seen > self.max_bytes:
                raise self._too_large()
            return message

        return receive_counted

    def _too_large(self) -> RefusalError:
        detail = f"The body is larger than {self.max_bytes} bytes (JOBYARD_MAX_BODY_BYTES)."
        return RefusalError(Code.BODY_TOO_LARGE, detail)


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0
