"""Ends the task that runs in a child's main thread when the worker asks for it."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from jobyard_worker.stop import Stop, error_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobyard_worker.executors.coroutines import Coroutines

T = TypeVar("T")

_NUMBER = getattr(signal, "SIGUSR2", None)
"""Tasks, and RQ's own timeouts, may use SIGALRM; this one is rarely anybody's."""


class Interruption:
    """Raises in the main thread, wherever the task is; an ``async def`` one is cancelled.

    Only the process's own threads send the signal, so a task that handles it itself is merely
    not told, and killed a little later.
    """

    def __init__(self, coroutines: Coroutines) -> None:
        """In the main thread."""
        self._coroutines = coroutines
        self._asked: dict[str, Stop] = {}
        self._running = ""
        self._is_held = False
        self._limit_seconds: float | None = None
        self._cancelled = threading.Event()
        self._main = threading.get_ident()
        if _NUMBER is not None:
            signal.signal(_NUMBER, self._interrupt)

    def ask(self, token: str, why: Stop) -> None:
        """The delivery ``token`` is to end: now, or as soon as it would start. From any thread."""
        self._asked[token] = why
        if token == self._running:
            self._tell(why)

    def run(self, order: dict[str, Any], cancelled: threading.Event, action: Callable[[], T]) -> T:
        """Calls ``action`` for a delivery, open to interruption; ``cancelled`` is set on cancel."""
        self._limit_seconds, self._cancelled = order["timeout_seconds"], cancelled
        self._running = order["token"]
        try:
            if self._running in self._asked:
                self._announce(self._asked[self._running])
                self._interrupt()
            return action()
        finally:
            self._running = ""
            self._asked.pop(order["token"], None)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What runs in this ``with`` is not interrupted; one at a time, in any thread."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            why = self._asked.get(self._running)
            if why is not None:
                self._tell(why)

    def _tell(self, why: Stop) -> None:
        self._announce(why)
        if _NUMBER is None:
            self._coroutines.stop(why)
        else:
            signal.pthread_kill(self._main, _NUMBER)

    def _announce(self, why: Stop) -> None:
        if why is Stop.CANCEL:
            self._cancelled.set()

    def _interrupt(self, *_: object) -> None:
        """Once for a delivery: what its task does to clean up is not disturbed."""
        if self._is_held:
            return
        why = self._asked.pop(self._running, None)
        if why is not None and not self._coroutines.stop(why):
            raise error_of(why, self._limit_seconds)
