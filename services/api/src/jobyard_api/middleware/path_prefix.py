"""Serves the API below a path of a proxy's, as in ``/jobyard``; only there when one is set.

Requests come with the prefix or, where the proxy cuts it off or asks the pod itself, without. What
sends a browser or a client on gets it: ``Location``, the ``type`` of a problem, and the links of
pages, which are all absolute and in quotes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LINK = re.compile(rb"""(=["'])(?=/)""")
_ROOT = re.compile(rb"<html")
_TYPE = re.compile(rb"""("type": ?")(?=/)""")
_HELD = ("text/html", "application/problem+json")


class PathPrefix:
    """Cuts ``prefix`` (it begins with a slash and does not end with one) off what comes."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request. The scope stays the same object: its route is noted in it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self._cut(scope)
        page = _Page(self._prefix)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._lead(MutableHeaders(raw=message["headers"]))
            for each in page.passed(message):
                await send(each)

        await self.app(scope, receive, send_on)

    def _cut(self, scope: Scope) -> None:
        if scope["path"] == self._prefix or scope["path"].startswith(f"{self._prefix}/"):
            scope["path"] = scope["path"][len(self._prefix) :] or "/"
            if scope.get("raw_path"):
                scope["raw_path"] = scope["raw_path"][len(self._prefix) :] or b"/"

    def _lead(self, headers: MutableHeaders) -> None:
        target = headers.get("location", "")
        if target.startswith("/") and not target.startswith(f"{self._prefix}/"):
            headers["location"] = self._prefix + target


class _Page:
    """A response on its way: a page or a problem is held until it is whole, all else passes."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.encode()
        self._start: Message | None = None
        self._body = b""

    def passed(self, message: Message) -> list[Message]:
        """What can be sent now."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            if headers.get("content-type", "").startswith(_HELD):
                self._start = message
                return []
        if self._start is None:
            return [message]
        self._body += message.get("body", b"")
        return [] if message.get("more_body") else self._whole(self._start)

    def _whole(self, start: Message) -> list[Message]:
        headers = MutableHeaders(raw=start["headers"])
        body = self._led(headers["content-type"])
        if "content-length" in headers and body:  # the answer to HEAD has none
            headers["content-length"] = str(len(body))
        return [start, {"type": "http.response.body", "body": body}]

    def _led(self, media_type: str) -> bytes:
        if not media_type.startswith("text/html"):
            return _TYPE.sub(rb"\1" + self._prefix, self._body)
        linked = _LINK.sub(rb"\1" + self._prefix, self._body)
        return _ROOT.sub(b'<html data-prefix="' + self._prefix + b'"', linked, count=1)
