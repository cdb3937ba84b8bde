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


_END = {"type": "http.response.body", "body": b"", "more_body": False}


class EventStream(Protocol):
    """Blocks of text, and an end."""

    def blocks(self) -> AsyncIterator[bytes]:
        """Each is sent as soon as it is there."""

    def close(self) -> None:
        """Nobody reads it any more."""


class EventStreamResponse(Response):
    """Closes its stream, whatever happens; ends when its reader's key does."""

    media_type = "text/event-stream"

    def __init__(self, stream: EventStream) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._stream = stream
        self._has_begun = False

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        sending = asyncio.create_task(self._send(send))
        listening = asyncio.create_task(_disconnected(receive))
        admitted = asyncio.create_task(scope["app"].state.access.until_refused(scope))
        tasks = {sending, listening, admitted}
        try:
            with scope["app"].state.traffic.streaming():
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._stream.close()
        if not sending.cancelled():
            sending.result()
        elif self._has_begun and not admitted.cancelled():
            await send(_END)

    async def _send(self, send: Send) -> None:
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        self._has_begun = True
        async for block in self._stream.blocks():
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send(_END)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
