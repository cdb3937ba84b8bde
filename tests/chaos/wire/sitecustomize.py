"""The trip wire: kills its process at the n-th time that it sends, or hears, a certain thing.

Python imports it at its start when this directory is on ``PYTHONPATH``. It counts the commands that
go to the store through any socket of the process, whichever client sends them, and in a child also
the messages over its pipes. Nothing in the product knows of it; without its variables it is inert.

``JOBYARD_CHAOS_TRACE`` names a file that gets a line for each point that is passed:
``role pid label number when``. ``JOBYARD_CHAOS_TRIP`` says where to die, as
``role|label|number|when|reach|fuse`` and more of these after ``;``. ``reach`` is ``self`` or
``tree`` (its child processes die first). The fuse is a file that is written at the death with its
time: each wire trips once, also where a process is started again.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import stat
import sys
import threading
import time
from collections import Counter
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_ROLES = (
    ("jobyard_worker.keeper", "keeper"),
    ("jobyard_worker.", "child"),
    ("jobyard-worker", "worker"),
    ("jobyard-scheduler", "scheduler"),
)
"""The first of these words that the command line holds says what a process is."""

_SHA_CHARACTERS = 8
_write, _read = os.write, os.read


class Wire:
    """Counts the points that this process passes, and ends it at one of them."""

    def __init__(self, role: str, trips: str, trace: str) -> None:
        self._role = role
        self._trips = {
            (label, int(number), when): (reach, fuse)
            for whose, label, number, when, reach, fuse in _split(trips)
            if whose == role
        }
        self._trace = trace
        self._passed: Counter[str] = Counter()
        self._counting = threading.Lock()

    def before(self, label: str) -> tuple[str, int]:
        """Something labelled is about to happen; returns its name for ``after``."""
        with self._counting:
            self._passed[label] += 1
            number = self._passed[label]
        self._pass(label, number, "before")
        return label, number

    def after(self, label: str, number: int) -> None:
        """It has happened: the answer is here."""
        self._pass(label, number, "after")

    def _pass(self, label: str, number: int, when: str) -> None:
        if self._trace:
            _append(self._trace, f"{self._role} {os.getpid()} {label} {number} {when}\n")
        trip = self._trips.get((label, number, when))
        if trip is not None:
            _die(*trip)


def _split(trips: str) -> list[list[str]]:
    return [trip.split("|") for trip in trips.split(";") if trip]


def _append(path: str, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    _write(descriptor, line.encode())
    os.close(descriptor)


def _die(reach: str, fuse: str) -> None:
    try:
        descriptor = os.open(fuse, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return
    if reach == "tree":
        for pid in _children(os.getpid()):
            os.kill(pid, signal.SIGKILL)
    _write(descriptor, str(time.time_ns()).encode())
    os.kill(os.getpid(), signal.SIGKILL)


def _children(parent: int) -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if _parent_of(path) == parent]


def _parent_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _label_of(request: bytes) -> str:
    """The command; for a script its name too, as the first characters of its SHA-1."""
    words = request.split(b"\r\n", 5)
    command = words[2].decode(errors="replace").upper() if len(words) > 2 else "?"
    if command == "EVALSHA" and len(words) > 4:
        return f"SCRIPT:{words[4].decode()[:_SHA_CHARACTERS]}"
    if command == "EVAL" and len(words) > 5:
        text = words[5][: int(words[3][1:])]
        return f"SCRIPT:{sha1(text, usedforsecurity=False).hexdigest()[:_SHA_CHARACTERS]}"
    return command


def watch_sockets(wire: Wire) -> None:
    """Every request in the store's protocol passes the wire, and the first bytes of its answer."""
    open_requests: dict[int, tuple[str, int]] = {}

    def sending(name: str) -> Callable[..., Any]:
        send = getattr(socket.socket, name)

        def watched(self: socket.socket, data: Any, *rest: Any) -> Any:
            head = bytes(data)
            if head[:1] == b"*":
                open_requests[self.fileno()] = wire.before(_label_of(head))
            return send(self, data, *rest)

        return watched

    def receiving(name: str) -> Callable[..., Any]:
        receive = getattr(socket.socket, name)

        def watched(self: socket.socket, *arguments: Any) -> Any:
            answer = receive(self, *arguments)
            request = open_requests.pop(self.fileno(), None)
            if request is not None:
                wire.after(*request)
            return answer

        return watched

    for name in ("send", "sendall"):
        setattr(socket.socket, name, sending(name))
    for name in ("recv", "recv_into"):
        setattr(socket.socket, name, receiving(name))


def watch_pipes(wire: Wire) -> None:
    """Every message that a child says or hears over a pipe passes the wire."""

    class Watched(io.FileIO):
        def write(  # type: ignore[explicit-override]  # typing.override comes with 3.12
            self, data: Any
        ) -> int:
            point = wire.before("said")
            written = super().write(data)
            wire.after(*point)
            return written

        def readinto(  # type: ignore[explicit-override]  # as above
            self, buffer: Any
        ) -> int:
            point = wire.before("heard")
            length = super().readinto(buffer)
            wire.after(*point)
            return length

    opened = os.fdopen

    def fdopen(descriptor: int, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if mode == "rb":
            return io.BufferedReader(Watched(descriptor, "r"))
        if mode == "wb":
            return io.BufferedWriter(Watched(descriptor, "w"))
        return opened(descriptor, mode, *rest, **options)

    def write(descriptor: int, data: Any) -> int:
        if not _is_pipe(descriptor):
            return _write(descriptor, data)
        point = wire.before("said")
        written = _write(descriptor, data)
        wire.after(*point)
        return written

    def read(descriptor: int, most: int) -> bytes:
        if not _is_pipe(descriptor):
            return _read(descriptor, most)
        data = _read(descriptor, most)  # raises where there is nothing to hear yet
        wire.after(*wire.before("heard"))
        return data

    os.write, os.read = write, read
    setattr(os, "fdopen", fdopen)  # noqa: B010 - its own type is a list of overloads


def _is_pipe(descriptor: int) -> bool:
    return stat.S_ISFIFO(os.fstat(descriptor).st_mode)


def _role() -> str:
    line = " ".join(sys.orig_argv)
    return next((role for word, role in _ROLES if word in line), "")


def _install() -> None:
    trips = os.environ.get("JOBYARD_CHAOS_TRIP", "")
    trace = os.environ.get("JOBYARD_CHAOS_TRACE", "")
    role = _role()
    if not role or not (trips or trace):
        return
    wire = Wire(role, trips, trace)
    watch_sockets(wire)
    if role == "child":
        watch_pipes(wire)


_install()
