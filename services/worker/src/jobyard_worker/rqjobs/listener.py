"""A thread that blocks on the bells while slots are free; ``peeker`` says for which workers."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

from jobyard.connection import BLOCK_SECONDS
from jobyard.errors import StoreUnavailableError
from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.store import Store
    from jobyard_worker.wake import Wake

_log = get_logger(__name__)


class Listener:
    """Listens once for each ``ask``; then wakes the loop, also after a second of silence.

    The silence matters: jobs that plain RQ code pushes ring no bell.
    """

    def __init__(self, store: Store, queues: Sequence[str], wake: Wake) -> None:
        self._store = store
        self._queues = tuple(queues)
        self._wake = wake
        self._asked: SimpleQueue[None] = SimpleQueue()
        self._is_listening = False
        self._has_heard = False
        self._thread = threading.Thread(target=self._serve, name="listener", daemon=True)

    def start(self) -> None:
        """Starts the thread; it ends with the process."""
        self._thread.start()

    def ask(self) -> None:
        """Listen, unless that is under way."""
        if not self._is_listening:
            self._is_listening = True
            self._asked.put(None)

    def take(self) -> bool:
        """Whether a listening ended since the last ``take``."""
        heard, self._has_heard = self._has_heard, False
        return heard

    def _serve(self) -> None:
        while True:
            self._asked.get()
            self._listen()
            self._is_listening = False
            self._has_heard = True
            self._wake.set()

    def _listen(self) -> None:
        try:
            self._wait()
        except StoreUnavailableError:
            time.sleep(BLOCK_SECONDS / 2)  # the main loop finds out by itself and keeps the pauses
        except Exception:  # noqa: BLE001 - the thread outlives whatever one listening meets
            _log.exception("listener.failed")
            time.sleep(BLOCK_SECONDS)

    def _wait(self) -> None:
        self._store.listen(self._queues, BLOCK_SECONDS)
