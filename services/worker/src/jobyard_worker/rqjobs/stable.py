"""The stable: a small process from which each horse is forked, so that a job costs no new Python.

Started as ``python -m jobyard_worker.rqjobs.stable <descriptor>`` by ``horses.py`` (with two
descriptors it is a single horse, for systems that cannot fork). It has one
thread and never runs a job itself, so that forking it is safe. The first line on the socket is what
all horses share; each message after it brings two pipes for a new horse, and ``pid <n>`` and
``end <n> <exit code>`` go back.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import select
import signal
import socket
import sys
from typing import Any, NoReturn

from pydantic_core import from_json

from jobyard_worker.rqjobs import horse

_DIE_WITH_PARENT = 1
"""``PR_SET_PDEATHSIG`` of ``prctl(2)``."""


class Stable:
    """Forks horses until the worker is gone."""

    def __init__(self, door: socket.socket, line: bytes) -> None:
        """``line`` is what all horses share, as JSON."""
        self._door = door
        self._line = line
        self._yoke = horse.Yoke.make(**from_json(line))
        gc.freeze()
        self._bell, bell = os.pipe()
        os.set_blocking(bell, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Returns when the worker has closed the door."""
        while True:
            ready, _, _ = select.select([self._door.fileno(), self._bell], [], [])
            if self._bell in ready:
                os.read(self._bell, 4096)
                self._bury()
            if self._door.fileno() in ready and not self._admit():
                return

    def _admit(self) -> bool:
        data, pipes, _, _ = socket.recv_fds(self._door, 1, 2)
        if not data:
            return False
        pid = self._start(pipes)
        for pipe in pipes:
            os.close(pipe)
        self._tell(f"pid {pid}")
        return True

    def _start(self, pipes: list[int]) -> int:
        if not hasattr(os, "fork"):
            return _spawn(pipes, self._line)
        pid = os.fork()
        if pid == 0:
            self._door.close()
            os.setsid()
            random.seed()  # else each horse throws the same dice
            _ride(pipes, self._yoke)
        return pid

    def _bury(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._tell(f"end {pid} {os.waitstatus_to_exitcode(status)}")

    def _tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._door.sendall(line.encode() + b"\n")


def _spawn(pipes: list[int], line: bytes) -> int:
    """Where nothing forks: a new Python, which takes half a second."""
    import subprocess  # noqa: PLC0415 - only here

    command = (sys.executable, "-P", "-m", "jobyard_worker.rqjobs.stable", *map(str, pipes))
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, pass_fds=pipes, start_new_session=True
    )
    inlet: Any = process.stdin
    with contextlib.suppress(BrokenPipeError), inlet:
        inlet.write(line)
    return process.pid


def _ride(pipes: list[int], yoke: horse.Yoke) -> NoReturn:
    """In the new process: one order, one job, and away without anybody's clean-up."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _die_with_parent()
    code, (inbox, outbox) = 1, pipes
    try:
        with os.fdopen(inbox, "rb") as orders, os.fdopen(outbox, "wb") as answers:
            order = orders.readline()
            if order:
                _obey(from_json(order), yoke, answers)
        code = 0
    finally:
        os._exit(code)


def _obey(order: dict[str, Any], yoke: horse.Yoke, answers: Any) -> None:
    def say(message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):
            answers.write(horse.frame(message))
            answers.flush()

    last = horse.run(order, yoke, say)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    say(last)


def _die_with_parent() -> None:
    """Linux kills this process when its parent dies; elsewhere a horse may outlive its worker."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - only here

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def main() -> None:
    """Serves the worker at the other end of the socket that the command line names."""
    _die_with_parent()
    if len(sys.argv) > 2:  # noqa: PLR2004 - the pipes of a horse that was not forked
        yoke = horse.Yoke.make(**from_json(sys.stdin.buffer.read()))
        _ride([int(pipe) for pipe in sys.argv[1:]], yoke)
    door = socket.socket(fileno=int(sys.argv[1]))
    Stable(door, _first_line(door)).serve()
    os._exit(0)


def _first_line(door: socket.socket) -> bytes:
    """Read byte by byte: what follows belongs to the first horse."""
    line = b""
    while (byte := door.recv(1)) not in {b"", b"\n"}:
        line += byte
    return line


if __name__ == "__main__":
    main()
