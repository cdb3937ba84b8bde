"""What the gauge saw last, as metrics, for as long as it is fresh: nothing stale is ever shown."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from jobyard.observability import metrics
from jobyard.observability.values import Reading
from jobyard.store.levels import RESCUED
from jobyard.store.queue_sums import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from jobyard.observability.metrics import Labels, Metric
    from jobyard.observability.values import Gauge, Values
    from jobyard.store.levels import Levels, Server
    from jobyard.store.records.oversight import QueueInfo

    View: TypeAlias = Callable[[Levels], Values]


MOST_QUEUES = 1000
"""Queues that are told apart, by name: where clients may make up queues, series stay bounded."""


class Board:
    """Written by the gauge's thread, read by scrapes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: tuple[Levels, float] | None = None

    def show(self, levels: Levels, seconds: float) -> None:
        """These, for so long unless others follow."""
        shown = replace(levels, queues=bounded(levels.queues, MOST_QUEUES, metrics.OTHER))
        self._seen = shown, self._clock() + seconds

    def clear(self) -> None:
        """Nothing: the store did not answer."""
        self._seen = None

    @property
    def levels(self) -> Levels | None:
        """Those of now; None where they are not known."""
        seen = self._seen
        return seen[0] if seen and self._clock() < seen[1] else None

    def sources(self) -> tuple[Reading, ...]:
        """All metrics of them."""
        readings = (self._reading(metric, view) for metric, view in _VIEWS.items())
        return (Reading(metrics.STORE_UP, self._store_up), *readings)

    def while_known(self, gauge: Gauge) -> Reading:
        """What another loop saw of the store: shown only as long as the store answers."""
        return Reading(gauge.metric, lambda: gauge.read() if self.levels else {})

    def _reading(self, metric: Metric, view: View) -> Reading:
        def read() -> Values:
            levels = self.levels
            return view(levels) if levels else {}

        return Reading(metric, read)

    def _store_up(self) -> Values:
        return {(): float(self.levels is not None)}


_STATES = ("queued", "running", "scheduled", "blocked", "succeeded", "failed", "canceled")


def _jobs(levels: Levels) -> Values:
    return {
        (queue.name, state): getattr(queue, state) for queue in levels.queues for state in _STATES
    }


def _workers(levels: Levels) -> Values:
    found: dict[Labels, float] = {}
    for pool in levels.pools:
        found[pool.name, "busy"] = pool.busy_workers
        found[pool.name, "idle"] = pool.workers - pool.busy_workers
    return found


def _by_queue(number_of: Callable[[QueueInfo], float]) -> View:
    return lambda levels: {(queue.name,): number_of(queue) for queue in levels.queues}


def _by_pool(field: str) -> View:
    return lambda levels: {(pool.name,): getattr(pool, field) for pool in levels.pools}


def _of_server(number_of: Callable[[Server], float]) -> View:
    return lambda levels: {(): number_of(levels.server)} if levels.server else {}


def _rejections(levels: Levels) -> Values:
    found: Mapping[str, int] = levels.server.rejections if levels.server else {}
    return {(code,): number for code, number in found.items()}


_VIEWS: Mapping[Metric, View] = {
    metrics.QUEUE_JOBS: _jobs,
    metrics.QUEUE_OLDEST_AGE: _by_queue(lambda queue: queue.oldest_age_seconds or 0.0),
    metrics.QUEUE_PAUSED: _by_queue(lambda queue: queue.paused),
    metrics.QUEUE_WORKERS: _by_queue(lambda queue: queue.workers),
    metrics.JOBS_RESCUED: _by_queue(lambda queue: queue.counters.get(RESCUED, 0)),
    metrics.POOL_WORKERS: _workers,
    metrics.POOL_SLOTS: _by_pool("slots"),
    metrics.POOL_BUSY_SLOTS: _by_pool("busy_slots"),
    metrics.UNREADABLE_RECORDS: lambda levels: {(): levels.unreadable},
    metrics.STORE_MEMORY: _of_server(lambda server: server.memory_bytes),
    metrics.STORE_MEMORY_LIMIT: _of_server(lambda server: server.memory_limit_bytes),
    metrics.STORE_CLIENTS: _of_server(lambda server: server.clients),
    metrics.STORE_EVICTED: _of_server(lambda server: server.evicted_keys),
    metrics.STORE_REJECTED: _rejections,
}
