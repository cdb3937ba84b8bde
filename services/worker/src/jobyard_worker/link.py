"""The store as the worker's loop sees it: it answers, or it is away and is asked again later."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from jobyard.errors import StoreUnavailableError
from jobyard.observability.logging import get_logger
from jobyard_worker.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store import Store
    from jobyard.store.calls import Call

P = ParamSpec("P")
T = TypeVar("T")

_log = get_logger(__name__)


class Link:
    """Runs calls and keeps the pauses between tries while the store is away (W10 to W13)."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._backoff = Backoff(random.random)
        self._away_since: float | None = None
        self._next_try = 0.0
        self.failures = 0
        """How often it did not answer."""

    def run(self, call: Call[T]) -> T:
        """As ``Store.run``; notes whether the store answered.

        Raises:
            StoreUnavailableError: It is away; ``wait_seconds`` says for how long to leave it alone.
        """
        return self.attempt(self.store.run, call)

    def attempt(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Anything else that talks to the store, as ``run``.

        Raises:
            StoreUnavailableError: As above.
        """
        try:
            reply = action(*args, **kwargs)
        except StoreUnavailableError as error:
            self.note_away(error)
            raise
        if self._away_since is not None:
            self._note_back()
        return reply

    @property
    def wait_seconds(self) -> float:
        """Seconds until the store may be asked again; 0 when it is there."""
        if self._away_since is None:
            return 0.0
        return max(0.0, self._next_try - time.monotonic())

    def note_away(self, error: Exception) -> None:
        """The store did not answer; one line says so, however often it is tried."""
        self.failures += 1
        if self._away_since is None:
            self._away_since = time.monotonic()
            _log.warning("store.away", reason=str(error))
        self._next_try = time.monotonic() + self._backoff.next_seconds()

    def _note_back(self) -> None:
        away_seconds = time.monotonic() - (self._away_since or 0.0)
        self._away_since = None
        self._backoff.reset()
        _log.info("store.back", away_seconds=round(away_seconds, 3))
