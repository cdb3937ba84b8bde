"""Queues and workers as their overseers see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """Depths of one queue and its running counts. ``oldest_enqueued_at`` of what waits.

    Attributes:
        scheduled: What is delayed, retries included.
        oldest_age_seconds: Of what waits, by the server's clock; None where nothing does.
        in_per_second: Jobs a second that were submitted, over the last minute.
        out_per_second: Jobs a second that were worked off, well or badly, over the last minute.
            Canceled ones do not count: they say nothing about how long others wait.
        paused: Whether nothing is claimed from it.
        priorities: What waits in each of its lanes, where they were added up.
    """

    name: str
    queued: int
    running: int
    scheduled: int
    blocked: int
    succeeded: int
    failed: int
    canceled: int
    workers: int
    oldest_enqueued_at: datetime | None
    counters: Mapping[str, int]
    oldest_age_seconds: float | None = None
    in_per_second: float = 0.0
    out_per_second: float = 0.0
    paused: bool = False
    priorities: Mapping[str, int] = field(default_factory=dict)

    @property
    def wait_estimate_seconds(self) -> float | None:
        """How long what waits will take at the present rate; None where that is not known."""
        if not self.queued:
            return 0.0
        return None if self.paused or not self.out_per_second else self.queued / self.out_per_second


@dataclass(frozen=True, slots=True)
class Purged:
    """What one call of a purge did, and where the next one goes on."""

    began_ms: int
    canceled: int
    kept: int
    seen: int


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """A job in a worker's hands, ``since`` when."""

    id: str
    task: str
    queue: str
    since: datetime | None


ENGINE = "jobyard"
"""What our workers call themselves in RQ's hash of a worker."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """One registered worker as RQ's tools see it.

    Attributes:
        busy: Slots that run a job.
        held: Jobs in its hands, with those that were claimed ahead of a free slot.
        draining: Whether it was asked to drain.
        jobs: Some of what it holds, where that was asked for.
    """

    name: str
    state: str
    queues: tuple[str, ...]
    pool: str
    slots: int
    busy: int
    hostname: str
    pid: int | None
    version: str
    born_at: datetime | None
    last_heartbeat_at: datetime | None
    succeeded: int
    failed: int
    engine: str = ENGINE
    held: int = 0
    draining: bool = False
    jobs: tuple[WorkerJob, ...] = ()

    @property
    def is_stock(self) -> bool:
        """Whether it is RQ's own worker: jobs that it takes from our queues have no lease."""
        return self.engine != ENGINE
