"""Sends a stream of events for as long as it lasts and the client listens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from starlette.responses import Response
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""No proxy keeps or gathers what is of this moment."""


class EventStream(Protocol):
    """Blocks of text, and an end."""

    def blocks(self) -> AsyncIterator[bytes]:
        """Each is sent as soon as it is there."""

    def close(self) -> None:
        """Nobody reads it any more."""


class EventStreamResponse(Response):
    """Closes its stream, whatever happens."""

    media_type = "text/event-stream"

    def __init__(self, stream: EventStream) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._stream = stream

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        sending = asyncio.create_task(self._send(send))
        listening = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            sending.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)
            self._stream.close()
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        async for block in self._stream.blocks():
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
