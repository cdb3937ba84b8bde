"""Reaper: gives back what workers held whose lease has run out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger
from jobyard.store import calls
from jobyard_scheduler.spans import Spans

if TYPE_CHECKING:
    from jobyard.store.records.upkeep import Reaped
    from jobyard_scheduler.attended import AttendedStore

log = get_logger(__name__)


class Reaper:
    """Any number may run: the script removes an expired lease and its jobs at once."""

    name = "reaper"

    def __init__(
        self, store: AttendedStore, lease_seconds: float, spans: Spans | None = None
    ) -> None:
        self._store = store
        self._spans = spans or Spans()
        self._lease_seconds = lease_seconds
        # An eighth keeps a rescue within lease + 5 s also for short leases.
        self._pause_seconds = min(1.0, lease_seconds / 8)

    def tick(self) -> float:
        """Reaps until nobody is left whose lease has run out."""
        while self._reap().more:
            pass
        return self._pause_seconds

    def _reap(self) -> Reaped:
        reaped = self._store.run(calls.reap(lease_seconds=self._lease_seconds))
        if reaped.workers or reaped.quarantined:
            self._spans.reaped(reaped)
            log.warning(
                "reaper.reaped",
                workers=list(reaped.workers),
                rescued=reaped.rescued,
                quarantined=reaped.quarantined,
            )
        return reaped
