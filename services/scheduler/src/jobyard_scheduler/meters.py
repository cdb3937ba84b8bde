"""What a scheduler's loops count and show as metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobyard.observability.build import build_info
from jobyard.observability.metrics import (
    JOBS_PRUNED,
    QUEUE_RETAINED,
    SCHEDULER_LATENESS,
    STOCK_WORKERS,
)
from jobyard.observability.submissions import Submissions
from jobyard.observability.values import Counter, Gauge, Histogram
from jobyard_scheduler.board import Board

if TYPE_CHECKING:
    from jobyard.observability.values import Source


@dataclass(frozen=True, slots=True)
class Meters:
    """One of each; nothing is shown before a loop has looked."""

    stock_workers: Gauge = field(default_factory=lambda: Gauge(STOCK_WORKERS))
    retained: Gauge = field(default_factory=lambda: Gauge(QUEUE_RETAINED))
    pruned: Counter = field(default_factory=lambda: Counter(JOBS_PRUNED))

    lateness: Histogram = field(default_factory=lambda: Histogram(SCHEDULER_LATENESS))
    submissions: Submissions = field(default_factory=Submissions)
    board: Board = field(default_factory=Board)

    def sources(self) -> tuple[Source, ...]:
        """All of them."""
        return (
            self.board.while_known(self.stock_workers),
            self.board.while_known(self.retained),
            self.pruned,
            self.lateness,
            self.submissions.counter,
            *self.board.sources(),
            build_info("scheduler"),
        )
