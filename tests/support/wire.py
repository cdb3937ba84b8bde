"""HTTP by hand: bytes as no client library would send them, and what comes back."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Reply:
    """One response. ``headers`` has lower-case names; of repeated ones the last."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem; empty for anything else."""
        is_problem = self.headers.get("content-type") == "application/problem+json"
        return str(self.json()["code"]) if is_problem else ""


class Wire:
    """One connection to ``base_url``. A context manager."""

    def __init__(self, base_url: str, seconds: float = 30.0, receive_bytes: int = 0) -> None:
        """``receive_bytes``: of the socket's buffer; 0 for the system's own size."""
        address = urlsplit(base_url)
        assert address.hostname is not None
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(seconds)
        self.socket.connect((address.hostname, address.port))
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def hang_up(self) -> None:
        """No more will be sent; what comes is still read."""
        self.socket.shutdown(socket.SHUT_WR)

    def reply(self, *, to_head: bool = False) -> Reply:
        """The next response whole; ``to_head`` when it has no body whatever its length says.

        Raises:
            ConnectionError: The server closed the connection before its end.
        """
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        status = int(head[0].split()[1])
        length = 0 if to_head or status < 200 else int(headers.get("content-length", 0))
        return Reply(status, headers, self._take(length))

    def is_closed(self) -> bool:
        """Waits for the end of what the server sends; whether nothing came before it."""
        try:
            return self._unread == b"" and self.socket.recv(_CHUNK) == b""
        except ConnectionError:
            return True

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            self._receive()
        found, _, self._unread = self._unread.partition(mark)
        return found

    def _take(self, length: int) -> bytes:
        while len(self._unread) < length:
            self._receive()
        found, self._unread = self._unread[:length], self._unread[length:]
        return found

    def _receive(self) -> None:
        data = self.socket.recv(_CHUNK)
        if not data:
            raise ConnectionError(f"the server closed the connection after {self._unread!r}")
        self._unread += data


def post(path: str, body: bytes, *more: bytes, content_type: bytes = b"application/json") -> bytes:
    """A sound POST, with more header lines if you like."""
    lines = [
        f"POST {path} HTTP/1.1".encode(),
        b"Host: 127.0.0.1",
        b"Content-Type: " + content_type,
        b"Content-Length: %d" % len(body),
        *more,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
