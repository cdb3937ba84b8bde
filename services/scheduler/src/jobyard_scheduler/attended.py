"""The store as the loops see it: its coming and going is said once, not by each loop."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

from jobyard.errors import StoreUnavailableError
from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from jobyard.store import Store
    from jobyard.store.calls import Call

T = TypeVar("T")

log = get_logger(__name__)


class AttendedStore:
    """Runs calls like ``Store``, and logs once that the store is away and once that it is back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._away_since: float | None = None

    def run(self, call: Call[T]) -> T:
        """Runs one call.

        Raises:
            StoreUnavailableError: The store cannot serve now; the call may be repeated as it is.
            StoreDataError: A key has a foreign type; nothing was written.
        """
        try:
            reply = self._store.run(call)
        except StoreUnavailableError as error:
            self._note_away(error)
            raise
        self._note_back()
        return reply

    def _note_away(self, error: StoreUnavailableError) -> None:
        with self._lock:
            if self._away_since is None:
                self._away_since = time.monotonic()
                log.warning("store.away", reason=str(error))

    def _note_back(self) -> None:
        if self._away_since is None:
            return
        with self._lock:
            if self._away_since is not None:
                log.info("store.back", away_seconds=round(time.monotonic() - self._away_since, 1))
                self._away_since = None
