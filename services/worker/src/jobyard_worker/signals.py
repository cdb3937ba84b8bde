"""SIGTERM and SIGINT ask for a stop. The handlers set a flag, and nothing else."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


def on_stop_signals(ask_to_stop: Callable[[], None]) -> None:
    """Calls ``ask_to_stop`` for each stop signal, however many come.

    Outside the main thread, where Python allows no handlers, signals stay as they are.
    """
    if threading.current_thread() is threading.main_thread():
        for number in _NUMBERS:
            signal.signal(number, lambda *_: ask_to_stop())


def ignore_stop_signals() -> None:
    """Everything is given back: one more signal must not turn a clean exit into a kill."""
    if threading.current_thread() is threading.main_thread():
        for number in _NUMBERS:
            signal.signal(number, signal.SIG_IGN)
