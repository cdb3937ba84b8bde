"""The connections of a load test: whole answers, no request sent twice, none that waits."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from loadlab.drive.connections import Connections, NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each connection's requests with what the test scripted, and counts them."""

    def __init__(self, *scripts: Sequence[bytes]) -> None:
        """One script a connection: its answers, in order; then the connection is closed."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.requests: list[bytes] = []
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(scripts,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def close(self) -> None:
        self.thread.join(10)
        self.listener.close()

    def _serve(self, scripts: tuple[Sequence[bytes], ...]) -> None:
        for script in scripts:
            connection = self.listener.accept()[0]
            with connection:
                for answer in script:
                    self.requests.append(connection.recv(65_536))
                    connection.sendall(answer)
            self.closed.set()


@contextlib.contextmanager
def serving(*scripts: Sequence[bytes]) -> Iterator[tuple[Server, Connections]]:
    server = Server(*scripts)
    connections = Connections(f"{server.url}/yard/", {"Authorization": "Bearer k"}, 5.0)
    try:
        yield server, connections
    finally:
        connections.close()
        server.close()


def test_a_connection_stays_open_for_the_next_request() -> None:
    with serving([OK, OK]) as (server, connections):
        replies = [connections.request("POST", "/v1/jobs", b"{}") for _ in range(2)]

    assert [(reply.status, reply.body) for reply in replies] == [(200, b"{}")] * 2
    assert server.requests[0] == server.requests[1]
    assert server.requests[0].startswith(b"POST /yard/v1/jobs HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer k\r\n" in server.requests[0]
    assert server.requests[0].endswith(b"Content-Length: 2\r\n\r\n{}")


@pytest.mark.parametrize(
    "closes", [[OK], [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]]
)
def test_a_connection_that_the_server_closed_is_not_used_again(closes: list[bytes]) -> None:
    with serving(closes, [OK]) as (server, connections):
        connections.request("GET", "/")
        assert server.closed.wait(10)

        assert connections.request("GET", "/").status == 200

    assert len(server.requests) == 2


def test_a_request_whose_answer_broke_off_is_not_sent_again() -> None:
    with serving([OK[:-1]], []) as (server, connections):
        with pytest.raises(NoAnswerError, match="closed"):
            connections.request("POST", "/v1/jobs", b"{}")
        socket.create_connection(("127.0.0.1", server.listener.getsockname()[1])).close()

    assert len(server.requests) == 1


def test_a_body_in_chunks_is_read_whole() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving([head + b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", OK]) as (_, connections):
        assert connections.request("GET", "/").body == b"abc0123456789"
        assert connections.request("GET", "/").body == b"{}"


def test_an_answer_without_a_body_is_whole() -> None:
    with serving([b"HTTP/1.1 204 No Content\r\n\r\n"]) as (_, connections):
        assert connections.request("DELETE", "/").status == 204


def test_what_is_no_http_is_said_to_be_none() -> None:
    with serving([b"+PONG\r\n\r\n\r\n"]) as (_, connections), pytest.raises(NoAnswerError):
        connections.request("GET", "/")
