"""What the yard asks before it says that it is ready: the API's port, the store, the API."""

from __future__ import annotations

import http.client
import socket
import time
from typing import TYPE_CHECKING

from jobyard.errors import JobyardError

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 0.02
TIMEOUT_SECONDS = 2.0


class PortTakenError(JobyardError):
    """Another process listens where the API should."""


def check_port(host: str, port: int) -> None:
    """Checks that the API can listen there.

    Raises:
        PortTakenError: It cannot.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise PortTakenError(
            f"The API cannot listen on {host}:{port} ({_reason(error)}). Stop what listens there, "
            f"or take another port: jobyard up --port {port % 65535 + 1}, or "
            f"make up ARGS='--port {port % 65535 + 1}'"
        ) from None


def _reason(error: OSError) -> str:
    """Its first words; Python adds the address, which the message has already."""
    return str(error.strerror or error).partition(" (while ")[0]


def store_answers(port: int) -> bool:
    """Whether a store on this machine takes commands; it does not while it loads its data."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def api_is_ready(host: str, port: int) -> bool:
    """Whether the API says that it is ready."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until(is_true: Callable[[], bool], seconds: float) -> bool:
    """Polls ``is_true``; False when it did not become so within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
