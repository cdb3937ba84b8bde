"""HEAD is GET without the content (RFC 9110, 9.3.2), on every route that has a GET."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """The application sees a GET; the server, which knows better, sends no content."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handles one request; one of another method costs no layer."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return self.app(scope, receive, send)
        return self.app({**scope, "method": "GET"}, receive, _without_content(send))


def _without_content(send: Send) -> Send:
    is_over = False

    async def send_head(message: Message) -> None:
        """The first content is the last: a stream would go on for ever."""
        nonlocal is_over
        if is_over:
            return
        if message["type"] == "http.response.body":
            is_over = True
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return send_head
