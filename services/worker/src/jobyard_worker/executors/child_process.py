"""One child process as its worker sees it: what it has in hand, says, and how it ended.

Not for several threads at once: the nursery's lock is around every call.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import from_json, to_json

from jobyard.observability.log_level import current_level
from jobyard_worker.execution import limit_of
from jobyard_worker.executors.order import order_of
from jobyard_worker.inbox import LEVEL, STOP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jobyard.store.records.delivery import Succeeded
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.outcome import Ending
    from jobyard_worker.stop import Stop

    Ended = Callable[[Delivery, Succeeded | Ending], None]

COMMAND = (sys.executable, "-m", "jobyard_worker.child")

LOOK_SECONDS = 0.25
"""How often to look whether a busy child lives: what a task forked may hold its pipe open."""

_CHUNK_BYTES = 256 * 1024
_MOST_VOID = 200
"""Orders that were taken back and not skipped yet; their number has to fit into a ticket."""


class ChildProcess:
    """A fresh interpreter, never a fork of this one; in a process group of its own."""

    def __init__(self, ended: Ended, now: float, single: Delivery | None = None) -> None:
        """``ended`` is told of each end; ``single`` is the one job of an isolated child.

        Raises:
            OSError: No process is to be had.
        """
        self.ended = ended
        self.single = single
        self.born = now
        self.is_ready = False
        """Whether its imports are done."""
        self.in_hand: deque[Delivery] = deque()
        """Handed over and not answered: the first one runs, or is about to."""
        self.most_in_hand = 1
        """How many jobs it may have in hand, as quick as those are that it has."""
        self.jobs = 0
        """Answered."""
        self.is_retiring = False
        """Whether it gets no more."""
        self.is_mute = False
        """Whether its end of the pipe is closed."""
        self.mute_since = math.inf
        self.killed_for: Stop | str = ""
        """Why we killed it; empty when we did not."""
        self.turn_to_next(now)
        self._level = ""
        """The one that it was told to log from."""
        self._void = 0
        self._unsent = bytearray()
        self._heard: list[bytes] = []
        self._open()

    def _open(self) -> None:
        self._theirs, self._tickets = os.pipe()
        os.set_blocking(self._theirs, False)  # shared with the child
        try:
            self._process = subprocess.Popen(
                (*COMMAND, str(self._theirs)),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(self._theirs,),
                start_new_session=True,
            )
        except BaseException:
            self._close_tickets()
            raise
        self.inlet = cast("Any", self._process.stdin).fileno()
        self.outlet = cast("Any", self._process.stdout).fileno()
        os.set_blocking(self.inlet, False)
        os.set_blocking(self.outlet, False)
        self._write(to_json({"path": sys.path}) + b"\n")
        self.tell_level()

    # ---------------------------------------------------------------- orders

    @property
    def may_take_more(self) -> bool:
        """Whether it serves whatever comes, now."""
        return (
            self.is_ready
            and self.single is None
            and self._void < _MOST_VOID
            and not (self.is_retiring or self.is_mute or self.killed_for)
        )

    def hand(self, deliveries: Sequence[Delivery], now: float) -> None:
        """Hands over orders, to be run in this order."""
        is_idle = not self.in_hand
        self.tell_level()
        for delivery in deliveries:
            delivery.is_started = True
            self.in_hand.append(delivery)
        self._write(b"".join(map(order_of, deliveries)))
        tickets = bytearray(len(deliveries))
        tickets[0], self._void = self._void, 0
        os.write(self._tickets, tickets)
        if is_idle:
            self.turn_to_next(now)

    def recall(self) -> list[Delivery]:
        """Takes back what it has not started; see ``Inbox`` for how that is certain."""
        try:
            tickets = os.read(self._theirs, 4096)
        except BlockingIOError:
            return []
        self._void += sum(tickets) + len(tickets)
        back = [self.in_hand.pop() for _ in tickets][::-1]
        for delivery in back:
            delivery.is_started, delivery.stop, delivery.span = False, None, None
        return back

    def answered(self, now: float) -> Delivery:
        """The first in hand came to its end; returns it."""
        self.jobs += 1
        delivery = self.in_hand.popleft()
        delivery.stop = None
        self.turn_to_next(now)
        return delivery

    def turn_to_next(self, now: float) -> None:
        """The clocks begin anew for the first in hand."""
        limit = limit_of(self.in_hand[0].job.timeout_seconds) if self.in_hand else None
        self.since = now
        self.deadline = math.inf if limit is None else now + limit
        self.asked: Stop | None = None
        """Why the running job was asked to end."""
        self.kill_at = math.inf
        self.next_look = now + LOOK_SECONDS

    def ask(self, delivery: Delivery, why: Stop) -> None:
        """Tells the child that a delivery is to end."""
        self._write(STOP + to_json({"token": delivery.job.token, "why": why}) + b"\n")

    def tell_level(self) -> None:
        """Tells the child to log as this process does, where it does not know."""
        level = current_level()
        if level != self._level:
            self._level = level
            self._write(b"%s%s\n" % (LEVEL, level.encode()))

    # ---------------------------------------------------------------- pipes

    @property
    def has_unsent(self) -> bool:
        """Whether the pipe was full."""
        return bool(self._unsent)

    def flush(self) -> None:
        """Writes what the pipe takes."""
        try:
            while self._unsent:
                del self._unsent[: os.write(self.inlet, self._unsent)]
        except BlockingIOError:
            return
        except OSError:  # it is dead, which shows elsewhere
            self._unsent.clear()

    def listen(self) -> Iterator[dict[str, Any]]:
        """What it has said since."""
        try:
            chunk = os.read(self.outlet, _CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        self.is_mute = not chunk
        for line in self._lines(chunk):
            with suppress(ValueError):
                message = from_json(line)
                if isinstance(message, dict):
                    yield message

    def _lines(self, chunk: bytes) -> list[bytes]:
        """Long lines come in many chunks, which are put together once."""
        self._heard.append(chunk)
        if b"\n" not in chunk:
            return []
        *lines, rest = b"".join(self._heard).split(b"\n")
        self._heard = [rest]
        return lines

    def _write(self, data: bytes) -> None:
        self._unsent += data
        self.flush()

    # ---------------------------------------------------------------- memory, end

    @property
    def memory_mb(self) -> float:
        """Resident memory; 0 where the system does not tell (only Linux does)."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        except OSError:
            return 0.0
        return int(pages) * _PAGE_MB

    def kill(self, why: Stop | str) -> None:
        """Kills it and all that it started; the first reason stays."""
        self.killed_for = self.killed_for or why
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def is_over(self) -> bool:
        """Whether it has ended. Its process id stays taken until ``bury``."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self._process.pid, flags) is not None
        except ChildProcessError:
            return True

    def bury(self) -> str:
        """Leaves nothing of an ended child behind; returns how it ended."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                cast("Any", pipe).close()
        self._close_tickets()
        return (
            f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        )

    def _close_tickets(self) -> None:
        os.close(self._theirs)
        os.close(self._tickets)


_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024**2 if hasattr(os, "sysconf") else 0.0


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
