"""The body of a request that asks for another protocol, which the parser would not read.

Some clients offer HTTP/2 with every request, as Java's does; a server that knows none answers as if
they had not (RFC 9110, 7.8). httptools ends at the head of such a request: its body goes through a
parser of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import httptools

if TYPE_CHECKING:
    from collections.abc import Sequence

_FRAMING = (b"content-length", b"transfer-encoding")


class BodyTaker(Protocol):
    """Whoever takes the body."""

    def on_body(self, body: bytes) -> None:
        """Some bytes of it."""

    def on_message_complete(self) -> None:
        """Its end."""


def has_body(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a head announces a body."""
    return any(name in _FRAMING and value != b"0" for name, value in headers)


def body_parser(
    headers: Sequence[tuple[bytes, bytes]], taker: BodyTaker
) -> httptools.HttpRequestParser:
    """A parser that stands at the beginning of the body which the head announced."""
    parser = httptools.HttpRequestParser(_Body(taker))
    lines = [name + b": " + value + b"\r\n" for name, value in headers if name in _FRAMING]
    parser.feed_data(b"POST / HTTP/1.1\r\n" + b"".join(lines) + b"\r\n")
    return parser


class _Body:
    """Passes on one body; what follows it is none of the taker's business."""

    def __init__(self, taker: BodyTaker) -> None:
        self._taker = taker
        self._is_over = False

    def on_body(self, body: bytes) -> None:
        if not self._is_over:
            self._taker.on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._taker.on_message_complete()
