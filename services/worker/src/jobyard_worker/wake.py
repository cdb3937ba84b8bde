"""What the main loop sleeps on: signal handlers, other threads and the store wake it."""

from __future__ import annotations

import selectors
import socket
import weakref
from contextlib import suppress

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Not epoll: what a forked child still holds open would wake the loop for ever."""

_ROOM = 64


class Wake:
    """A signal that is safe to give from a signal handler, and one socket that is watched with it.

    ``threading.Event`` is not safe there: its lock is not reentrant, so a handler that sets it
    while the same thread waits on it may lock up.
    """

    def __init__(self) -> None:
        self._ear, self._mouth = socket.socketpair()
        for end in (self._ear, self._mouth):
            end.setblocking(False)
        weakref.finalize(self, _close, self._ear, self._mouth).atexit = False
        self._selector: selectors.BaseSelector = _Selector()
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._watched: socket.socket | None = None
        self._is_set = False
        self.has_heard = False
        """Whether the watched socket was readable when the last ``wait`` ended."""

    def set(self) -> None:
        """Wakes the loop, or keeps it from falling asleep."""
        if not self._is_set:
            self._is_set = True
            with suppress(BlockingIOError):  # full of such bytes: it will wake
                self._mouth.send(b"!")

    def watch(self, connection: socket.socket | None) -> None:
        """From now on this socket wakes the loop too, in place of the one before."""
        if connection is self._watched:
            return
        if self._watched is not None:
            self._selector.unregister(self._watched)
        if connection is not None:
            self._selector.register(connection, selectors.EVENT_READ)
        self._watched = connection
        self.has_heard = False

    def wait(self, seconds: float) -> None:
        """Returns when woken, at most after ``seconds``."""
        readable = [key.fileobj for key, _ in self._selector.select(max(seconds, 0))]
        self.has_heard = self._watched in readable
        if self._ear in readable:
            self._drain()

    def _drain(self) -> None:
        """The mark goes last: who wakes the loop in between need not, as it is awake already.

        Taken away first, it could be set again with its byte read here, and nobody would send one.
        """
        with suppress(BlockingIOError):
            while len(self._ear.recv(_ROOM)) == _ROOM:
                pass
        self._is_set = False


def _close(*ends: socket.socket) -> None:
    for end in ends:
        end.close()
