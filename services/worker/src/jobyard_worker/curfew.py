"""The end of the grace, kept also while the main loop waits for a store that does not answer."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from jobyard_worker.drain import Drain
    from jobyard_worker.signals import StopSignals

_log = get_logger(__name__)

_LOOK_SECONDS = 0.2


class Curfew:
    """Ends the process shortly before whoever sent the signal would kill it. A context manager.

    One call may wait for the store longer than the grace. Nothing is lost by not waiting for it:
    the keeper gives back what this worker held, and where the store does not hear that either, the
    lease runs out.
    """

    def __init__(self, signals: StopSignals, grace_seconds: float) -> None:
        self._signals = signals
        self._grace_seconds = grace_seconds
        self._is_over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="curfew", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()

    def _watch(self) -> None:
        """Polls, as a signal handler must not touch a lock."""
        while not self._is_over.wait(_LOOK_SECONDS):
            drain = self._signals.drain(self._grace_seconds)
            if drain is not None and time.monotonic() >= drain.cut_off_at:
                _cut_off(drain)


def _cut_off(drain: Drain) -> None:
    _log.warning("worker.cut_off", grace_seconds=drain.grace_seconds)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
