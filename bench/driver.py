"""Sends one HTTP request over and over: as fast as it is answered, or at a constant rate.

Plain sockets and one selector: a request costs the driver some 15 µs, so that it can share a
core with the store and still not be what is measured.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MOST_BYTES = 1 << 20
_ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """A POST of ``body``, and the status that must answer it."""

    port: int
    path: str
    body: bytes
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> bytes:
        """The whole request."""
        headers = {
            "Host": f"127.0.0.1:{self.port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(self.body)),
            **self.headers,
        }
        lines = [f"POST {self.path} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


class Driver:
    """Connections that stay open, each with one request under way at most. A context manager."""

    def __init__(self, call: Call, connections: int) -> None:
        self._request = call.text
        self._lines = [_Line(call) for _ in range(connections)]

    def __enter__(self) -> Self:
        for line in self._lines:
            line.send(self._request)
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            self._collect(selector)
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._lines:
            line.socket.close()

    def flat_out(self, seconds: float) -> float:
        """Requests answered a second, when for ``seconds`` each answer is followed by a request.

        Those under way at the end count, and so does the time that they take: some are large.
        """
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            began = now = time.perf_counter()
            for line in self._lines:
                line.send(self._request)
            answered = 0
            while now - began < seconds:
                for line in _answered(selector):
                    answered += 1
                    line.send(self._request)
                now = time.perf_counter()
            answered += self._collect(selector)
            return answered / (time.perf_counter() - began)

    def at_rate(self, rate: float, seconds: float) -> list[float]:
        """Seconds from when each request was due to its answer, at ``rate`` requests a second.

        One that finds no connection free waits, and its wait counts.
        """
        number = int(rate * seconds)
        free, due = deque(self._lines), 0
        waits: list[float] = []
        # Unlike epoll's, the time that select waits is not rounded up to milliseconds.
        with selectors.SelectSelector() as selector:
            self._register(selector)
            began = time.perf_counter()
            while len(waits) < number:
                now = time.perf_counter() - began
                while free and due < number and due / rate <= now:
                    free.popleft().send(self._request, due / rate)
                    due += 1
                pause = max(0.0, due / rate - now) if free and due < number else None
                for line in _answered(selector, pause):
                    waits.append(time.perf_counter() - began - line.due)
                    free.append(line)
        return waits

    def _register(self, selector: selectors.BaseSelector) -> None:
        for line in self._lines:
            selector.register(line.socket, selectors.EVENT_READ, line)

    def _collect(self, selector: selectors.BaseSelector) -> int:
        """Waits for the answers that are under way; how many these were."""
        missing = sum(line.is_busy for line in self._lines)
        left = missing
        while left:
            left -= len(_answered(selector))
        return missing


class _Line:
    """One connection."""

    def __init__(self, call: Call) -> None:
        self.socket = socket.create_connection(("127.0.0.1", call.port), _ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_busy = False
        self.due = 0.0
        self._start = f"HTTP/1.1 {call.status} ".encode()
        self._answer = b""

    def send(self, request: bytes, due: float = 0.0) -> None:
        self.is_busy, self.due = True, due
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Takes what has come; whether the answer is whole.

        Raises:
            RuntimeError: It is not the one that was expected.
        """
        came = self.socket.recv(_MOST_BYTES)
        self._answer += came
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not came or (end and not head.startswith(self._start)):
            raise RuntimeError(f"not the answer that was expected: {self._answer[:2000]!r}")
        if not end or len(body) < _length_of(head):
            return False
        self.is_busy, self._answer = False, b""
        return True


def _length_of(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


def _answered(selector: selectors.BaseSelector, pause: float | None = None) -> list[_Line]:
    """The connections whose answer is whole; none may be after ``pause``, where there is one."""
    ready = selector.select(_ANSWER_SECONDS if pause is None else pause)
    if not ready and pause is None:
        raise TimeoutError(f"no answer within {_ANSWER_SECONDS:.0f} s")
    return [key.data for key, _ in ready if key.data.receive()]
