"""Closes a connection in such a way that its last answer arrives.

What a client still sends to a closed socket makes the system reset the connection, and the answer
that the client has not read by then is lost with it (RFC 9112, 9.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class LingeringTransport:
    """What an answer is written to: a transport of which only our half is closed at once."""

    def __init__(self, transport: asyncio.Transport, closed: Callable[[], bool]) -> None:
        """``closed`` is called when it is to close; true while the client is still sending."""
        self._transport = transport
        self._closed = closed

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Closes it, or our half where the client has not finished its own."""
        if self._transport.is_closing():
            return
        if self._closed():
            self._transport.write_eof()
        else:
            self._transport.close()
