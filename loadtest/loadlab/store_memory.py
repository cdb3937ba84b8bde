"""What the data of a store on this machine takes, by its own count."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMEOUT_SECONDS = 1.0
_FIELD = b"used_memory:"


def used_memory(store: psutil.Process) -> int | None:
    """Bytes; None when the store does not say, as one with a password does not."""
    for port in _ports(store):
        answer = _ask(port)
        if _FIELD in answer:
            return int(answer.partition(_FIELD)[2].split(b"\r\n")[0])
    return None


def _ports(store: psutil.Process) -> Iterator[int]:
    for connection in store.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN:
            yield connection.laddr.port


def _ask(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS) as connection:
            connection.sendall(b"INFO memory\r\n")
            return connection.recv(16_384)
    except OSError:
        return b""
