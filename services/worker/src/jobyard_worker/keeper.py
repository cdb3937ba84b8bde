"""The keeper: a small process that keeps the lease of one worker, and gives back what it held.

Started as ``python -m jobyard_worker.keeper`` by ``keeping.py``. A task that holds the interpreter
for a minute stops every thread of its worker, but not this process. Orders come in as lines of
JSON over standard input, mail of the store goes out over standard output.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from jobyard.connection import connect
from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard.keys import Keys
from jobyard.store import Store, calls
from jobyard_worker.backoff import Backoff
from jobyard_worker.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from io import RawIOBase

    from jobyard.store.records.delivery import Renewal

TICK_SECONDS = 0.1
"""How often it looks whether the worker lives; its death must show within 0.2 s."""

_MOST_IN_LINE = 20
"""Cancellations in one line: a line below 4096 bytes goes into a pipe whole or not at all."""


class Orders:
    """Reads the worker's orders in a thread. The end of the pipe is the worker's end."""

    def __init__(self, source: RawIOBase) -> None:
        """``source`` is unbuffered: a buffer's lock, held by a waiting thread, breaks the exit."""
        self._source = source
        self._lines: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def take(self, seconds: float | None) -> dict[str, Any] | None:
        """The next order; None at the end of the pipe.

        Raises:
            queue.Empty: None came within ``seconds``.
        """
        return self._lines.get(timeout=seconds)

    def _read(self) -> None:
        for line in self._source:
            self._lines.put(from_json(line))
        self._lines.put(None)


class Keeper:
    """Renews, carries mail, watches the worker, and cleans up after it."""

    def __init__(self, order: dict[str, Any], orders: Orders, store: Store) -> None:
        self._orders = orders
        self._store = store
        self._worker: str = order["worker"]
        self._pid: int = order["pid"]
        self._lease_seconds: float = order["lease_seconds"]
        self._stall_seconds: float = order["stall_seconds"]
        self._pulse = Pulse(Path(order["pulse"]))
        self._pulse.unlink()
        self._backoff = Backoff(random.random)
        self._next_renewal = 0.0
        self._kept = ""
        """Whose lease was renewed here, so that the worker need not do it."""

    def run(self) -> None:
        """Until the worker says goodbye or dies."""
        while True:
            try:
                order = self._orders.take(TICK_SECONDS)
            except Empty:
                order = {}
            if order is None or os.getppid() != self._pid:
                return self.give_back()
            if "goodbye" in order:
                return None
            self._worker = order.get("worker", self._worker)
            self._watch()
            self._renew_when_due()

    def give_back(self) -> None:
        """What the dead worker held runs elsewhere at once; the lease bounds how long we try."""
        deadline = time.monotonic() + self._lease_seconds
        while time.monotonic() < deadline:
            try:
                while self._store.run(calls.leave(self._worker)).more:
                    pass
            except StoreUnavailableError:
                time.sleep(self._backoff.next_seconds())
            else:
                return

    def _watch(self) -> None:
        """Kills a worker whose main loop stands still: its slots are of no use any more."""
        silent_seconds, _ = self._pulse.read()
        if silent_seconds > self._stall_seconds:
            _say(f"worker {self._worker} stood still for {silent_seconds:.0f} s and is killed")
            with suppress(ProcessLookupError):
                os.kill(self._pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def _renew_when_due(self) -> None:
        if time.monotonic() < self._next_renewal:
            return
        self._next_renewal = time.monotonic() + min(1.0, self._lease_seconds / 5)
        _, busy = self._pulse.read()
        try:
            renewal = self._store.run(
                calls.renew(self._worker, lease_seconds=self._lease_seconds, busy=busy)
            )
        except (StoreUnavailableError, StoreDataError):
            return
        self._deliver(renewal)

    def _deliver(self, renewal: Renewal) -> None:
        """Repeated with each renewal until the job is settled, so nothing of it can be missed."""
        if renewal.gone:
            _send({"worker": self._worker, "gone": True})
        elif self._kept != self._worker:
            self._kept = self._worker
            _send({"worker": self._worker, "kept": True})
        if renewal.drain:
            _send({"worker": self._worker, "drain": True})
        for some in _parts(sorted(renewal.cancel)):
            _send({"worker": self._worker, "cancel": [token for _, token in some]})


def main() -> None:
    """Waits for the first order, which says whose lease it is; then keeps it."""
    _ignore_signals()
    orders = Orders(open(sys.stdin.fileno(), "rb", buffering=0, closefd=False))  # noqa: SIM115
    with suppress(OSError, AttributeError):
        os.set_blocking(sys.stdout.fileno(), False)
    order = orders.take(None)
    if order is None or "goodbye" in order:
        return
    settings = SimpleNamespace(**order["settings"])
    store = Store(connect(settings), Keys(order["prefix"]))  # type: ignore[arg-type]  # its fields
    try:
        keeper = Keeper(order, orders, store)
    except FileNotFoundError:  # no pulse: dismissed before this process was ready
        return
    keeper.run()


def _ignore_signals() -> None:
    """Signals to the group are the worker's business; the keeper leaves after it."""
    for name in ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _parts(members: Sequence[tuple[str, str]]) -> Iterable[Sequence[tuple[str, str]]]:
    return (members[at : at + _MOST_IN_LINE] for at in range(0, len(members), _MOST_IN_LINE))


def _send(message: dict[str, Any]) -> None:
    """Drops the line when the worker does not read: it must not stop the renewals."""
    with suppress(BlockingIOError, BrokenPipeError):
        os.write(sys.stdout.fileno(), to_json(message) + b"\n")


def _say(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(f"keeper: {text}\n")


if __name__ == "__main__":
    main()
