"""Every metric that Jobyard's processes show, defined once, and how their values are kept.

Counting must cost a job next to nothing, and a process that nobody scrapes nothing at all: values
are plain numbers here; ``exposition.py`` makes them the Prometheus client's when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

Labels = tuple[str, ...]
"""The values of a metric's labels, in their order."""

Values = Mapping[Labels, float]

OTHER = "other"
"""The task of jobs that are none of the process's own: what the store says is no closed set."""


class Kind(StrEnum):
    """Prometheus's types of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """What is shown. ``buckets`` (of a histogram only) are upper bounds in the metric's unit."""

    name: str
    kind: Kind
    meaning: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()


_WAITS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600,
)  # fmt: skip
"""An idle worker starts a job within milliseconds: there the steps are fine. What waits for minutes
waits for capacity, and then the order of magnitude is what matters."""

_RUNS = (
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600, 1800, 3600,
)  # fmt: skip
"""From a task that does nothing to one of an hour; 180 is the timeout of tasks that name none."""

JOBS_COMPLETED = Metric(
    "jobyard_jobs_completed_total",
    Kind.COUNTER,
    "Attempts that ended here and were stored, by outcome; a job that is retrying comes again",
    ("queue", "task", "outcome"),
)
JOB_RUN_SECONDS = Metric(
    "jobyard_job_run_seconds",
    Kind.HISTOGRAM,
    "From the start of an attempt to its end",
    ("queue", "task"),
    _RUNS,
)
JOB_WAIT_SECONDS = Metric(
    "jobyard_job_wait_seconds",
    Kind.HISTOGRAM,
    "From when a job was ready in its queue to the start of the attempt",
    ("queue",),
    _WAITS,
)
SETTLEMENTS_REFUSED = Metric(
    "jobyard_settlements_refused_total",
    Kind.COUNTER,
    "Outcomes that the store refused: another worker holds the job (stale), or its record was "
    "deleted (vanished)",
    ("reason",),
)
WORKER_SLOTS = Metric("jobyard_worker_slots", Kind.GAUGE, "Jobs that run at once", ("pool",))
WORKER_BUSY_SLOTS = Metric(
    "jobyard_worker_busy_slots", Kind.GAUGE, "Slots that run a job now", ("pool",)
)
STORE_FAILURES = Metric(
    "jobyard_store_failures_total",
    Kind.COUNTER,
    "Times that the store did not answer this worker",
)
STOCK_WORKERS = Metric(
    "jobyard_stock_workers",
    Kind.GAUGE,
    "RQ's own workers on our queues, at the watcher's last look: what they take has no lease",
)
QUEUE_RETAINED = Metric(
    "jobyard_queue_retained_bytes",
    Kind.GAUGE,
    "What ended jobs of a queue take in the store, estimated at the trimmer's last look",
    ("queue",),
)
JOBS_PRUNED = Metric(
    "jobyard_jobs_pruned_total",
    Kind.COUNTER,
    "Ended jobs that this scheduler made the store forget: their TTL was over (ttl), or their "
    "queue was above its budget (budget)",
    ("queue", "reason"),
)
SCHEDULER_LAST_TICK = Metric(
    "jobyard_scheduler_last_tick_timestamp_seconds",
    Kind.GAUGE,
    "When a loop's last good tick ended, in Unix seconds",
    ("loop",),
)

_ANSWERS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Most answers take milliseconds; those that wait for a job take up to half a minute."""

HTTP_REQUESTS = Metric(
    "jobyard_http_requests_total",
    Kind.COUNTER,
    "Requests that are over, by the status of the response",
    ("method", "route", "status"),
)
HTTP_REQUEST_SECONDS = Metric(
    "jobyard_http_request_seconds",
    Kind.HISTOGRAM,
    "From a request's headers to the end of its response",
    ("method", "route"),
    _ANSWERS,
)
HTTP_REQUESTS_UNDER_WAY = Metric(
    "jobyard_http_requests_under_way",
    Kind.GAUGE,
    "Requests whose response is not complete",
)

API = (HTTP_REQUESTS, HTTP_REQUEST_SECONDS, HTTP_REQUESTS_UNDER_WAY)
WORKER = (
    JOBS_COMPLETED,
    JOB_RUN_SECONDS,
    JOB_WAIT_SECONDS,
    SETTLEMENTS_REFUSED,
    WORKER_SLOTS,
    WORKER_BUSY_SLOTS,
    STORE_FAILURES,
)
SCHEDULER = (STOCK_WORKERS, QUEUE_RETAINED, JOBS_PRUNED, SCHEDULER_LAST_TICK)


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


class Distribution:
    """How observed values are spread over a histogram's buckets."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """In each bucket, the last without a bound; not cumulative."""
        self.total = 0.0

    def observe(self, value: float) -> None:
        """One more; a bound is part of its bucket."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class Histogram:
    """Distributions by labels; observes in one thread, any other may read."""

    __slots__ = ("_by_labels", "metric")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._by_labels: dict[Labels, Distribution] = {}

    def observe(self, value: float, labels: Labels = ()) -> None:
        """One more, in seconds."""
        found = self._by_labels.get(labels)
        if found is None:
            found = self._by_labels[labels] = Distribution(self.metric.buckets)
        found.observe(value)

    def read(self) -> Mapping[Labels, Distribution]:
        """The distributions, which go on changing."""
        return self._by_labels.copy()


Source = Counter | Gauge | Reading | Histogram
"""Where the values of a metric come from in one process."""
