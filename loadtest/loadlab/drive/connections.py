"""HTTP/1.1 over connections that stay open: as many as there are requests under way.

No request is ever repeated, and none waits for a free connection: both would hide what a client
of the API would see.
"""

from __future__ import annotations

import select
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gevent.monkey import get_original

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK = 65_536
_CLOSES = b"connection: close"
_poll = get_original("select", "poll")
"""gevent's own would hand over to other greenlets."""


class NoAnswerError(Exception):
    """The connection ended, or something else than HTTP came; the message is one word."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its whole body."""

    status: int
    body: bytes


class Connections:
    """Connections to one server; for one process of gevent."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout_seconds: float) -> None:
        """``headers`` go with each request; a path in ``url`` comes before those of requests."""
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._prefix = parts.path.rstrip("/")
        self._timeout_seconds = timeout_seconds
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        self._head = f"Host: {parts.netloc}\r\n{''.join(lines)}".encode()
        self._idle: list[socket.socket] = []

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """Sends one request and reads its answer.

        Raises:
            NoAnswerError: No whole answer came.
            OSError: It could not connect, or the time was over (``TimeoutError``).
        """
        connection = self._take()
        try:
            connection.sendall(self._compose(method, path, body))
            reply, stays_open = _read(connection)
        except BaseException:
            connection.close()
            raise
        if stays_open:
            self._idle.append(connection)
        else:
            connection.close()
        return reply

    def close(self) -> None:
        """Closes what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _compose(self, method: str, path: str, body: bytes | None) -> bytes:
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n".encode() + self._head
        if body is None:
            return head + b"\r\n"
        return b"%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            head,
            len(body),
            body,
        )

    def _take(self) -> socket.socket:
        while self._idle:
            connection = self._idle.pop()
            if not _is_readable(connection):
                return connection
            connection.close()  # the server has closed it meanwhile
        return self._connect()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), self._timeout_seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            return self._tls.wrap_socket(connection, server_hostname=self._host)
        return connection


def _is_readable(connection: socket.socket) -> bool:
    poller = _poll()
    poller.register(connection, select.POLLIN)
    return bool(poller.poll(0))


def _read(connection: socket.socket) -> tuple[Reply, bool]:
    head, rest = _read_head(connection)
    status = _status(head)
    fields = head.lower()
    if b"transfer-encoding: chunked" in fields:
        body = _read_chunks(connection, rest)
    else:
        body = _read_bytes(connection, rest, _length(fields))
    return Reply(status, body), _CLOSES not in fields


def _read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while True:
        head, is_whole, rest = received.partition(b"\r\n\r\n")
        if is_whole:
            return head, rest
        received += _receive(connection)


def _status(head: bytes) -> int:
    if not head.startswith(b"HTTP/1.1 "):
        raise NoAnswerError("no-http")
    return int(head[9:12])


def _length(fields: bytes) -> int:
    """What ``Content-Length`` says; 0 without one, as with 204."""
    _, is_there, after = fields.partition(b"\r\ncontent-length:")
    return int(after.partition(b"\r\n")[0]) if is_there else 0


def _read_bytes(connection: socket.socket, received: bytes, length: int) -> bytes:
    while len(received) < length:
        received += _receive(connection)
    return received


def _read_chunks(connection: socket.socket, received: bytes) -> bytes:
    body = b""
    while True:
        while b"\r\n" not in received:
            received += _receive(connection)
        line, _, received = received.partition(b"\r\n")
        length = int(line.partition(b";")[0], 16)
        received = _read_bytes(connection, received, length + 2)
        body, received = body + received[:length], received[length + 2 :]
        if length == 0:
            return body


def _receive(connection: socket.socket) -> bytes:
    received = connection.recv(_CHUNK)
    if not received:
        raise NoAnswerError("closed")
    return received
