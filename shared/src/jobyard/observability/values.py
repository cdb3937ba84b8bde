"""How the values of metrics are kept: as plain numbers, which ``exposition.py`` reads.

Counting must cost a job next to nothing, and a process that nobody scrapes nothing at all; the
Prometheus client sees the values when somebody asks. What there is to count is in ``metrics.py``.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from jobyard.observability.metrics import Labels, Metric

Values = Mapping[Labels, float]
"""Numbers by the values of their labels."""


class Counter:
    """Counts in one thread, each of its values; any other may read."""

    __slots__ = ("_values", "metric")

    def __init__(self, metric: Metric, *known: Labels) -> None:
        """``known`` are shown from the start: the rate of what appears at one is not seen."""
        self.metric = metric
        self._values: dict[Labels, float] = dict.fromkeys(known, 0)

    def add(self, labels: Labels = (), number: int = 1) -> None:
        """One more, or so many."""
        self._values[labels] = self._values.get(labels, 0) + number

    def read(self) -> Values:
        """The counts of this moment."""
        return self._values.copy()


class Gauge:
    """What was last set; nothing before."""

    __slots__ = ("_values", "metric")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._values: dict[Labels, float] = {}

    def set(self, value: float, labels: Labels = ()) -> None:
        """The value from now on."""
        self._values[labels] = value

    def read(self) -> Values:
        """What was last set."""
        return self._values.copy()


@dataclass(frozen=True, slots=True)
class Reading:
    """What is looked up elsewhere when somebody asks; ``read`` is called in another thread."""

    metric: Metric
    read: Callable[[], Values]


class Exemplar(NamedTuple):
    """The last value of a bucket that belongs to a trace, and when it was seen (Unix seconds)."""

    trace_id: str
    value: float
    at: float


class Distribution:
    """How observed values are spread over a histogram's buckets."""

    __slots__ = ("_bounds", "counts", "exemplars", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.exemplars: dict[int, Exemplar] = {}
        """By the place of their bucket in ``counts``."""
        self.counts = [0] * (len(bounds) + 1)
        """In each bucket, the last without a bound; not cumulative."""
        self.total = 0.0

    def observe(self, value: float, trace_id: str = "") -> None:
        """One more; a bound is part of its bucket."""
        place = bisect_left(self._bounds, value)
        self.counts[place] += 1
        self.total += value
        if trace_id:
            self.exemplars[place] = Exemplar(trace_id, value, time.time())


class Histogram:
    """Distributions by labels; observes in one thread, any other may read."""

    __slots__ = ("_by_labels", "metric")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._by_labels: dict[Labels, Distribution] = {}

    def observe(self, value: float, labels: Labels = (), trace_id: str = "") -> None:
        """One more, in seconds; with a ``trace_id`` it is the example of its bucket."""
        found = self._by_labels.get(labels)
        if found is None:
            found = self._by_labels[labels] = Distribution(self.metric.buckets)
        found.observe(value, trace_id)

    def read(self) -> Mapping[Labels, Distribution]:
        """The distributions, which go on changing."""
        return self._by_labels.copy()


Source = Counter | Gauge | Reading | Histogram
"""Where the values of a metric come from in one process."""
