"""A TCP proxy before a server that can lose replies, cut, swallow and delay, on command."""

from __future__ import annotations

import contextlib
import random
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
        self.repeated = 0
        self._drop_share = 0.0
        self._repeat_share = 0.0
        self._random = random.Random(0)
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

    def plague(self, *, drops: float, repeats: float, seed: int) -> None:
        """A share of the replies is lost, and a share of the requests reaches the server twice.

        Each lost reply costs its connection. A repeat comes over a connection of its own, before or
        after the request itself, as from a client that sends it again and a slow network.
        ``dropped`` and ``repeated`` count.
        """
        self._drop_share, self._repeat_share = drops, repeats
        self._random = random.Random(seed)

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
        self._drop_share = self._repeat_share = 0.0
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
        if self._drop_share and self._random.random() < self._drop_share:
            link.is_doomed = True
        return not self._blackhole

    def _repeats(self, data: bytes) -> bool:
        """Only a script: all of those may be sent twice."""
        is_script = data.startswith(b"*") and b"\r\nEVALSHA\r\n" in data[:32]
        return is_script and self._random.random() < self._repeat_share

    def _repeat(self, data: bytes) -> None:
        """Sends a request once more and waits for its answer, which nobody gets."""
        with contextlib.suppress(OSError), socket.create_connection(self.target, 2) as server:
            server.sendall(data)
            server.recv(_CHUNK)
            self.repeated += 1

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
            comes_twice, comes_first = self._proxy._repeats(data), len(data) % 2
            if comes_twice and comes_first:
                self._proxy._repeat(data)
            if self._proxy._passes_request(self, data) and not _sent(self._server, data):
                break
            if comes_twice and not comes_first:
                self._proxy._repeat(data)
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
