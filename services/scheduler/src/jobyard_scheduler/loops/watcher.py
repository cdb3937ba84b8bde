"""Watcher: reports and counts RQ's own workers that take jobs from our queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger
from jobyard.observability.metrics import STOCK_WORKERS
from jobyard.store import calls

if TYPE_CHECKING:
    from jobyard.store.records.oversight import WorkerInfo
    from jobyard_scheduler.attended import AttendedStore
    from jobyard_scheduler.meters import Meters

log = get_logger(__name__)

PAUSE_SECONDS = 10.0


class Watcher:
    """Any number may run; each says it once of each worker."""

    name = "watcher"

    def __init__(self, store: AttendedStore, meters: Meters) -> None:
        self._store = store
        self._found = meters.gauge(STOCK_WORKERS)
        self._known: set[str] = set()

    def tick(self) -> float:
        """Looks at all registered workers."""
        stock = {info.name: info for info in self._store.run(calls.workers()) if info.is_stock}
        for name in stock.keys() - self._known:
            _warn(stock[name])
        self._known = set(stock)
        self._found.set(len(stock))
        return PAUSE_SECONDS


def _warn(info: WorkerInfo) -> None:
    log.warning(
        "stock_worker.found",
        worker=info.name,
        hostname=info.hostname,
        pid=info.pid,
        queues=",".join(info.queues),
        reason="a job that RQ's own worker takes has no lease: if that worker dies, it may be lost",
    )
