"""Pruner: forgets terminal jobs whose TTL is over, in chunks; tends what RQ's code left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger
from jobyard.observability.metrics import JOBS_PRUNED
from jobyard.store import calls

if TYPE_CHECKING:
    from jobyard_scheduler.attended import AttendedStore
    from jobyard_scheduler.meters import Meters

log = get_logger(__name__)

PAUSE_SECONDS = 10.0
CHUNK = 1000
CHUNK_PAUSE_SECONDS = 0.02
"""Between chunks the server belongs to everybody else."""


class Pruner:
    """Any number may run: what is gone is gone."""

    name = "pruner"

    def __init__(self, store: AttendedStore, meters: Meters) -> None:
        self._store = store
        self._forgotten = meters.counter(JOBS_PRUNED)

    def tick(self) -> float:
        """Prunes one chunk; the next follows soon while there is more."""
        by_queue = self._store.run(calls.prune(limit=CHUNK))
        tidied = self._store.run(calls.tidy(limit=CHUNK))
        self._store.run(calls.tend_rq())
        for queue, jobs in by_queue.items():
            self._forgotten.add((queue, "ttl"), jobs)
        pruned = sum(by_queue.values())
        if pruned or tidied:
            log.debug("pruner.pruned", jobs=pruned, ghosts=tidied)
        is_behind = pruned >= CHUNK or tidied >= CHUNK // 10
        return CHUNK_PAUSE_SECONDS if is_behind else PAUSE_SECONDS
