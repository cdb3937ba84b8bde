"""What RQ's workers do between jobs, for workers that RQ's command line started.

Reaping and pruning always, as RQ's maintenance; promoting with ``--with-scheduler``. All of it is
safe beside any number of ``jobyard-scheduler``.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jobyard.errors import StoreUnavailableError
from jobyard.observability.logging import get_logger
from jobyard.store import calls

if TYPE_CHECKING:
    from jobyard.store import Store

_log = get_logger(__name__)

_PRUNE_SECONDS = 10.0
_ROUND_SECONDS = 0.25


class Upkeep:
    """One thread; ends when it is told to, or with the process."""

    def __init__(self, store: Store, *, lease_seconds: float, promotes: bool) -> None:
        self._store = store
        self._lease_seconds = lease_seconds
        self._promotes = promotes
        self._next_prune = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="upkeep", daemon=True)

    def start(self) -> None:
        """Does what is due once, so that a burst finds it, and then goes on in a thread."""
        self._turn()
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after its turn."""
        self._is_over.set()
        self._thread.join(_ROUND_SECONDS * 4)

    def _serve(self) -> None:
        while not self._is_over.wait(_ROUND_SECONDS):
            self._turn()

    def _turn(self) -> None:
        try:
            self._promote()
            while self._store.run(calls.reap(lease_seconds=self._lease_seconds)).more:
                pass
            self._prune()
        except StoreUnavailableError:
            return  # the main loop says so
        except Exception:  # noqa: BLE001 - the thread outlives whatever one turn meets
            _log.exception("upkeep.failed")

    def _promote(self) -> None:
        while self._promotes and self._store.run(calls.promote()).promoted >= calls.BATCH:
            pass

    def _prune(self) -> None:
        if time.monotonic() >= self._next_prune:
            self._next_prune = time.monotonic() + _PRUNE_SECONDS
            self._store.run(calls.prune())
            self._store.run(calls.tend_rq())
