"""What the main loop sleeps on. Signal handlers and other threads wake it."""

from __future__ import annotations

from queue import Empty, SimpleQueue


class Wake:
    """A signal that is safe to give from a signal handler.

    ``threading.Event`` is not: its lock is not reentrant, so a handler that sets it while the same
    thread waits on it may lock up. ``SimpleQueue.put`` is documented as reentrant.
    """

    def __init__(self) -> None:
        self._tokens: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Wakes the loop, or keeps it from falling asleep."""
        if self._tokens.empty():
            self._tokens.put(None)

    def wait(self, seconds: float) -> None:
        """Returns when woken, at most after ``seconds``."""
        try:
            self._tokens.get(block=seconds > 0, timeout=max(seconds, 0))
        except Empty:
            return
        self._drop_rest()

    def _drop_rest(self) -> None:
        """Two who woke the loop at the same moment may have left two tokens."""
        while not self._tokens.empty():
            self._tokens.get()
