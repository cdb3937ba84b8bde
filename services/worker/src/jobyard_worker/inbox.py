"""What a child is told: orders, tickets to start them, and stops. Used by ``child.py``."""

from __future__ import annotations

import os
import select
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from jobyard.observability.log_level import set_level
from jobyard_worker.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

STOP = b"!"
"""Begins a line that is not an order but ``{"token", "why"}`` of one."""

LEVEL = b"#"
"""Begins a line that is the level from which the child logs from now on."""


class Inbox:
    """Orders come over a pipe, in lines, and may be taken back as long as they have not started.

    That is what tickets are for: one byte for each order in a second pipe, which this child and
    its worker both read. Whoever reads a byte has it alone, so an order is either started here or
    taken back there. The byte says how many orders before this one were taken back.
    """

    def __init__(self, source: BinaryIO, tickets: int, ask: Callable[[str, Stop], None]) -> None:
        """``ask`` is told of stops, in a thread of this inbox."""
        self.level: str | None = None
        """The one that this child was told last."""
        self._source = source
        self._tickets = tickets
        self._ask = ask
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._poll = select.poll()
        self._poll.register(tickets, select.POLLIN)

    def start(self) -> None:
        """Starts to read; the process ends with its worker, whose end is the pipe's end."""
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next_line(self) -> Any:
        """The next line, read from JSON; blocks while there is none."""
        return from_json(self._lines.get())

    def next_order(self) -> Any:
        """The next order that is to start; blocks while there is none."""
        for _ in range(self._take_ticket()):
            self._lines.get()
        return self.next_line()

    def _take_ticket(self) -> int:
        while True:
            try:
                ticket = os.read(self._tickets, 1)
            except BlockingIOError:  # the worker, which shares the pipe's end, must not block
                self._poll.poll()
            else:
                return ticket[0] if ticket else self._wait_for_the_end()

    def _wait_for_the_end(self) -> int:
        """The worker is gone; the other thread ends this process."""
        while True:
            self._lines.get()

    def _read(self) -> None:
        for line in self._source:
            if line.startswith(STOP):
                message = from_json(line[len(STOP) :])
                self._ask(message["token"], Stop(message["why"]))
            elif line.startswith(LEVEL):
                self.level = line[len(LEVEL) :].decode().strip()
                set_level(self.level)
            else:
                self._lines.put(line)
        os._exit(1)  # what runs here belongs to nobody any more
