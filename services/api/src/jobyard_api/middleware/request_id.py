"""Gives each request an id: the client's ``X-Request-ID`` where it is sound, else a new one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from structlog.contextvars import bind_contextvars, clear_contextvars

from jobyard.ids import new_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADER = b"x-request-id"
_SOUND = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}\Z")


class RequestId:
    """Notes the id in the scope and the log's context, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _given(scope) or new_id()
        # A copy: the server gives all requests of a connection the same mapping.
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        clear_contextvars()
        bind_contextvars(request_id=request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (_HEADER, request_id.encode())]
            await send(message)

        await self.app(scope, receive, send_with_id)


def _given(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == _HEADER and _SOUND.match(value):
            text: str = value.decode()
            return text
    return None
