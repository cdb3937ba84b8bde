"""A TCP proxy before a server that can lose replies, cut, swallow and delay, on command."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self

_CHUNK = 65_536


class Proxy:
    """Listens on a free loopback port and forwards to ``port``. A context manager.

    Faults take effect on the next bytes and hold until ``heal``.
    """

    def __init__(self, port: int) -> None:
        self.target = ("127.0.0.1", port)
        self.dropped = 0
        self._delay_seconds = 0.0
        self._blackhole = False
        self._refuses = False
        self._doomed: bytes | None = None
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The URL that ``JOBYARD_REDIS_URL`` takes."""
        return f"redis://127.0.0.1:{self.port}/0"

    def drop_reply_to(self, command: bytes) -> None:
        """Once: the server gets the next request that holds ``command``; its reply is lost.

        The connection is cut in place of the reply. ``dropped`` counts.
        """
        self._doomed = command

    def delay(self, seconds: float) -> None:
        """Every reply comes this much later."""
        self._delay_seconds = seconds

    def blackhole(self) -> None:
        """Connections stay and nothing passes in either direction."""
        self._blackhole = True

    def refuse(self) -> None:
        """Cuts all connections and every new one at once."""
        self._refuses = True
        self.cut()

    def cut(self) -> None:
        """Cuts all connections; new ones are served."""
        for link in self._snapshot():
            link.close()

    def heal(self) -> None:
        """No fault any more. What a blackhole swallowed stays lost: those connections are cut."""
        was_swallowing, self._blackhole = self._blackhole, False
        self._refuses = False
        self._delay_seconds = 0.0
        self._doomed = None
        if was_swallowing:
            self.cut()

    def close(self) -> None:
        """Stops listening and cuts everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for link in self._snapshot():
            link.close()
            link.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refuses:
                client.close()
                continue
            try:
                server = socket.create_connection(self.target, 2)
            except OSError:
                client.close()
                continue
            self._serve(_Link(self, client, server))

    def _serve(self, link: _Link) -> None:
        with self._lock:
            self._links.add(link)
        link.start()

    def _snapshot(self) -> list[_Link]:
        with self._lock:
            self._links = {link for link in self._links if link.is_open}
            return list(self._links)

    def _passes_request(self, link: _Link, data: bytes) -> bool:
        if self._doomed is not None and self._doomed in data:
            self._doomed = None
            link.is_doomed = True
        return not self._blackhole

    def _passes_reply(self, link: _Link) -> bool:
        if self._delay_seconds:
            time.sleep(self._delay_seconds)
        if link.is_doomed:
            self.dropped += 1
            link.close()
            return False
        return not self._blackhole


class _Link:
    """One client's connection and the two threads that pump it."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.is_open = True
        self.is_doomed = False
        self._proxy = proxy
        self._client = client
        self._server = server
        for side in (client, server):
            side.settimeout(None)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._threads = [
            threading.Thread(target=self._pump_requests, daemon=True),
            threading.Thread(target=self._pump_replies, daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(5)

    def close(self) -> None:
        self.is_open = False
        for side in (self._client, self._server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _pump_requests(self) -> None:
        while data := _received(self._client):
            if self._proxy._passes_request(self, data) and not _sent(self._server, data):
                break
        self._end(self._client)

    def _pump_replies(self) -> None:
        while data := _received(self._server):
            if self._proxy._passes_reply(self) and not _sent(self._client, data):
                break
        self._end(self._server)

    def _end(self, side: socket.socket) -> None:
        self.close()
        side.close()


def _received(side: socket.socket) -> bytes:
    try:
        return side.recv(_CHUNK)
    except OSError:
        return b""


def _sent(side: socket.socket, data: bytes) -> bool:
    try:
        side.sendall(data)
    except OSError:
        return False
    return True
