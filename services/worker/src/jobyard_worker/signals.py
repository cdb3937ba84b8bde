"""SIGTERM, SIGINT and SIGQUIT ask for a stop. The handlers set a flag, and nothing else."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

from jobyard_worker.drain import Drain

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBERS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGQUIT") if hasattr(signal, name)
]
"""The third, from Ctrl-\\ or as a container's stop signal, would else end the process at once."""


class StopSignals:
    """Listens from the first moment on: the first process of a container ignores unheard signals.

    Outside the main thread, where Python allows no handlers, signals stay as they are.
    """

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._tell: Callable[[], None] | None = None
        self._handle(lambda *_: self._ask())

    def pass_to(self, ask_to_stop: Callable[[], None]) -> None:
        """Calls ``ask_to_stop`` for each signal, also for one that came before."""
        self._tell = ask_to_stop
        if self._asked_at is not None:
            ask_to_stop()

    def drain(self, grace_seconds: float) -> Drain | None:
        """The stop that the first signal began; None while there was none."""
        return None if self._asked_at is None else Drain(self._asked_at, grace_seconds)

    def ignore(self) -> None:
        """Everything is given back: one more signal must not turn a clean exit into a kill."""
        self._handle(signal.SIG_IGN)

    def _ask(self) -> None:
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        if self._tell is not None:
            self._tell()

    def _handle(self, handler: Callable[..., None] | signal.Handlers) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in _NUMBERS:
                signal.signal(number, handler)
