"""What a scheduler's loops count and show as metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.observability.build import build_info
from jobyard.observability.submissions import Submissions
from jobyard.observability.values import Counter, Gauge, Histogram
from jobyard_scheduler.board import Board

if TYPE_CHECKING:
    from jobyard.observability.metrics import Metric
    from jobyard.observability.values import Source


class Meters:
    """One of each metric, made for the first loop that asks for it."""

    def __init__(self) -> None:
        self.board = Board()
        self.submissions = Submissions()
        self._counters: dict[Metric, Counter] = {}
        self._histograms: dict[Metric, Histogram] = {}
        self._gauges: dict[Metric, Gauge] = {}

    def counter(self, metric: Metric) -> Counter:
        """Counts what loops do."""
        return self._counters.setdefault(metric, Counter(metric))

    def histogram(self, metric: Metric) -> Histogram:
        """Observes what loops do."""
        return self._histograms.setdefault(metric, Histogram(metric))

    def gauge(self, metric: Metric) -> Gauge:
        """What a loop saw in the store: shown from then on, while the store answers."""
        return self._gauges.setdefault(metric, Gauge(metric))

    def sources(self) -> tuple[Source, ...]:
        """All that the loops have asked for by now."""
        return (
            *map(self.board.while_known, self._gauges.values()),
            *self._counters.values(),
            *self._histograms.values(),
            self.submissions.counter,
            *self.board.sources(),
            build_info("scheduler"),
        )
