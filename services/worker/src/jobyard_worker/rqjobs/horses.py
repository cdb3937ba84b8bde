"""The worker's side of the stable: asks for a horse a job, listens to it, and kills it in time."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_log = get_logger(__name__)

_END_SECONDS = 5.0
"""From a horse's last word, or its kill, to its death."""

_CHUNK = 1 << 16


class StableLostError(Exception):
    """The stable died, or could not be started."""


class Horse:
    """One horse, seen from the slot that waits for it. ``kill`` may come from any thread."""

    def __init__(self, pid: int, orders: int, answers: int, kill_seconds: float) -> None:
        self.reason = ""
        """Why we killed it; empty when we did not."""
        self.exit_code: int | None = None
        self.has_spoken = False
        """Whether its last word was heard: it leaves at once then."""
        self._pid = pid
        self._orders = orders
        self._answers = answers
        self._deadline: float | None = None
        self._kill_seconds = kill_seconds
        self._is_gone = threading.Event()
        self._killing = threading.Lock()

    def tell(self, order: bytes) -> None:
        """Hands the job over."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._orders, order)

    def limit(self, seconds: float | None) -> None:
        """From now on it has ``seconds`` for what it does, and a little to heed its own alarm."""
        self._deadline = (
            None if seconds is None else time.monotonic() + seconds + self._kill_seconds
        )

    def messages(self) -> Iterator[dict[str, Any]]:
        """What it says, line by line, until it ends."""
        rest = b""
        while chunk := self._read():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                with contextlib.suppress(ValueError):
                    yield from_json(line)

    def kill(self, reason: str) -> None:
        """Kills it and all that it started; the first reason stays."""
        with self._killing:
            self.reason = self.reason or reason
            if not self._is_gone.is_set():
                self._signal()

    def note_end(self, exit_code: int | None) -> None:
        """It is dead; what it left behind may hold its pipe, and goes as well if we wait for it."""
        with self._killing:
            self.exit_code = exit_code
            self._is_gone.set()

    def leave_behind(self) -> None:
        """Kills what a dead horse left in its group: nobody waits for a pipe that it holds."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)

    def end(self) -> None:
        """After its last word nobody waits for it; else for its death, which is near."""
        if not self.has_spoken and not self._is_gone.wait(_END_SECONDS):
            self.kill("left over")
            self._is_gone.wait(_END_SECONDS)
        for pipe in (self._orders, self._answers):
            os.close(pipe)

    def how_it_died(self) -> str:
        """Its exit code in words."""
        if self.exit_code is None:
            return "died with the stable"
        if self.exit_code < 0:
            return f"was killed by {signal.Signals(-self.exit_code).name}"
        return f"ended with exit code {self.exit_code}"

    def _read(self) -> bytes:
        """The next that it says; empty at its end."""
        while not self._is_readable():
            if self._is_gone.is_set():
                self.leave_behind()
            elif self._deadline is not None and time.monotonic() > self._deadline:
                self._deadline = None
                self.kill("timeout")
        return os.read(self._answers, _CHUNK)

    def _is_readable(self) -> bool:
        return bool(select.select([self._answers], [], [], self._patience())[0])

    def _patience(self) -> float:
        if self._deadline is None:
            return 1.0
        return min(1.0, max(0.0, self._deadline - time.monotonic()) + 0.001)

    def _signal(self) -> None:
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not come to lead its group yet
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)


class Stable:
    """Starts the stable with the first job, and again when it died."""

    def __init__(self, settings: Mapping[str, Any], *, kill_seconds: float) -> None:
        """``settings`` say how horses reach the store and how they log.

        A job that does not heed its timeout is killed after another ``kill_seconds``.
        """
        self._kill_seconds = kill_seconds
        self._settings = dict(settings)
        self._asking = threading.Lock()
        self._door: socket.socket | None = None
        self._born: SimpleQueue[Horse | None] = SimpleQueue()
        self._pipes: tuple[int, int] = (-1, -1)

    def warm(self) -> None:
        """Starts the stable now, for whoever will need it soon."""
        with self._asking:
            self._door = self._door or self._open()

    def saddle(self) -> Horse:
        """A new horse that waits for its order.

        Raises:
            StableLostError: There is none to be had; the next call tries with a new stable.
        """
        with self._asking:
            door = self._door or self._open()
            theirs_in, orders = os.pipe()
            answers, theirs_out = os.pipe()
            self._pipes = orders, answers
            horse = self._ask(door, theirs_in, theirs_out)
            for pipe in (theirs_in, theirs_out):
                os.close(pipe)
            if horse is not None:
                return horse
            self._door = None
            for pipe in (orders, answers):
                os.close(pipe)
            raise StableLostError("The stable of the work horses died.")

    def _ask(self, door: socket.socket, *pipes: int) -> Horse | None:
        try:
            socket.send_fds(door, [b"h"], pipes)
        except OSError:
            return None
        return self._born.get()

    def _open(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.sendall(to_json({"settings": self._settings, "path": sys.path}) + b"\n")
        self._door, self._born = ours, SimpleQueue()
        arguments = (ours, theirs, self._born)
        # It dies with the thread that starts it, so it has one that lives as long as it does.
        threading.Thread(target=self._attend, args=arguments, name="stable", daemon=True).start()
        return ours

    def _attend(
        self, ours: socket.socket, theirs: socket.socket, born: SimpleQueue[Horse | None]
    ) -> None:
        horses: dict[int, Horse] = {}
        try:
            process = self._spawn(theirs)
            self._listen(ours, born, horses)
            process.wait()
        except Exception:  # noqa: BLE001 - whoever waits for a horse must hear of it
            _log.exception("stable.failed")
        born.put(None)
        for horse in horses.values():
            horse.note_end(None)

    def _spawn(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        descriptor = theirs.fileno()
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "jobyard_worker.rqjobs.stable", str(descriptor)),
            stdin=subprocess.DEVNULL,
            pass_fds=(descriptor,),
            env={**os.environ, "RQ_KEY_PREFIX": self._settings["key_prefix"]},
            start_new_session=True,
        )
        theirs.close()
        return process

    def _listen(
        self, ours: socket.socket, born: SimpleQueue[Horse | None], horses: dict[int, Horse]
    ) -> None:
        for line in ours.makefile("rb"):
            word, number, *rest = line.split()
            pid = int(number)
            if word == b"pid":
                horses[pid] = Horse(pid, *self._pipes, self._kill_seconds)
                born.put(horses[pid])
            elif pid in horses:
                horses.pop(pid).note_end(int(rest[0]))
