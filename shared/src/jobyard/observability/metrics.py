"""Every metric that Jobyard's processes show, defined once.

``values.py`` keeps their values, ``exposition.py`` shows them; ``reference.py`` writes the table in
``docs/metrics.md`` from what stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Labels = tuple[str, ...]
"""The values of a metric's labels, in their order."""

OTHER = "other"
"""The task of jobs that are none of the process's own: what the store says is no closed set."""


class Kind(StrEnum):
    """Prometheus's types of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """What is shown. ``buckets`` (of a histogram only) are upper bounds in the metric's unit.

    ``details`` is for the documentation only, after the meaning.
    """

    name: str
    kind: Kind
    meaning: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()
    details: str = ""


# ---------------------------------------------------------------- jobs

_WAITS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600,
)  # fmt: skip
"""An idle worker starts a job within milliseconds: there the steps are fine. What waits for minutes
waits for capacity, and then the order of magnitude is what matters."""

_RUNS = (
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600, 1800, 3600,
)  # fmt: skip
"""From a task that does nothing to one of an hour; 180 is the timeout of tasks that name none."""

JOBS_SUBMITTED = Metric(
    "jobyard_jobs_submitted_total",
    Kind.COUNTER,
    "Jobs that this process stored",
    ("queue", "task"),
    details="an API those of its clients, a scheduler those of its schedules, a worker those that "
    "its jobs left; what an idempotency key or a unique key answered with another job is not "
    "counted, nor what plain RQ code enqueued",
)
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
    "a delay, or the pause before a retry, is over by then; up to the claim by the store's clock",
)
JOB_END_TO_END_SECONDS = Metric(
    "jobyard_job_end_to_end_seconds",
    Kind.HISTOGRAM,
    "From a job's submission to its end, with all that lies between",
    ("queue",),
    _WAITS,
    "delays and the pauses before retries are in it; only of jobs that an attempt ended for good",
)
SETTLEMENTS_REFUSED = Metric(
    "jobyard_settlements_refused_total",
    Kind.COUNTER,
    "Outcomes that the store refused: another worker holds the job (stale), or its record was "
    "deleted (vanished)",
    ("reason",),
)

# ---------------------------------------------------------------- one worker

WORKER_SLOTS = Metric("jobyard_worker_slots", Kind.GAUGE, "Jobs that run at once", ("pool",))
WORKER_BUSY_SLOTS = Metric(
    "jobyard_worker_busy_slots", Kind.GAUGE, "Slots that run a job now", ("pool",)
)
WORKER_BUSY_SECONDS = Metric(
    "jobyard_worker_busy_seconds_total",
    Kind.COUNTER,
    "Seconds that slots ran a job, added up, those that still run included",
    ("pool",),
    details="its rate is how many slots were busy on average",
)
STORE_FAILURES = Metric(
    "jobyard_store_failures_total",
    Kind.COUNTER,
    "Times that the store did not answer this worker",
    details="it is asked again with growing pauses",
)

# ---------------------------------------------------------------- queues and pools, as stored

QUEUE_JOBS = Metric(
    "jobyard_queue_jobs",
    Kind.GAUGE,
    "Stored jobs of a queue, with its lanes, by state",
    ("queue", "state"),
    details="`running` counts what workers hold, `scheduled` also what waits for its retry, and "
    "`canceled` also what expired: the store does not count these apart",
)
QUEUE_OLDEST_AGE = Metric(
    "jobyard_queue_oldest_age_seconds",
    Kind.GAUGE,
    "How long the job of a queue that has waited longest has been ready; 0 where none waits",
    ("queue",),
    details="of its lanes the longest; what a worker gave back begins anew, those behind it do not",
)
QUEUE_PAUSED = Metric(
    "jobyard_queue_paused", Kind.GAUGE, "1 where nothing is claimed from the queue", ("queue",)
)
QUEUE_WORKERS = Metric(
    "jobyard_queue_workers",
    Kind.GAUGE,
    "Workers that serve a queue, RQ's own included",
    ("queue",),
    details="0: whatever waits there waits for ever",
)
POOL_WORKERS = Metric(
    "jobyard_pool_workers",
    Kind.GAUGE,
    "Workers of a pool that hold a lease, by whether a slot of theirs runs a job",
    ("pool", "state"),
)
POOL_SLOTS = Metric("jobyard_pool_slots", Kind.GAUGE, "Slots of these workers", ("pool",))
POOL_BUSY_SLOTS = Metric(
    "jobyard_pool_busy_slots",
    Kind.GAUGE,
    "Slots of a pool that run a job, at most a second ago",
    ("pool",),
    details="what KEDA reads: `ZCARD rq:yard:busy:<pool>`",
)
UNREADABLE_RECORDS = Metric(
    "jobyard_unreadable_records",
    Kind.GAUGE,
    "Records that were put aside because they cannot be read",
)
JOBS_RESCUED = Metric(
    "jobyard_jobs_rescued_total",
    Kind.COUNTER,
    "Jobs that were given back because their worker died",
    ("queue",),
    details="counted in the store, whoever gave them back: a keeper or a scheduler",
)

# ---------------------------------------------------------------- the store itself

STORE_UP = Metric(
    "jobyard_store_up", Kind.GAUGE, "1 where the store answered this scheduler a moment ago"
)
STORE_MEMORY = Metric(
    "jobyard_store_memory_bytes", Kind.GAUGE, "Memory that the store's server uses"
)
STORE_MEMORY_LIMIT = Metric(
    "jobyard_store_memory_limit_bytes",
    Kind.GAUGE,
    "Its `maxmemory`; 0 for none",
)
STORE_CLIENTS = Metric("jobyard_store_clients", Kind.GAUGE, "Connections to the store's server")
STORE_EVICTED = Metric(
    "jobyard_store_evicted_keys_total",
    Kind.COUNTER,
    "Keys that the server threw away for want of memory: any is a lost job",
)
STORE_REJECTED = Metric(
    "jobyard_store_rejected_writes_total",
    Kind.COUNTER,
    "Writes that the server refused, whoever sent them",
    ("reason",),
)

# ---------------------------------------------------------------- one scheduler

STOCK_WORKERS = Metric(
    "jobyard_stock_workers",
    Kind.GAUGE,
    "RQ's own workers on our queues, at the watcher's last look: what they take has no lease",
    details="[why that matters](rq-compatibility.md). Looked up every 10 s",
)
QUEUE_RETAINED = Metric(
    "jobyard_queue_retained_bytes",
    Kind.GAUGE,
    "What ended jobs of a queue take in the store, estimated at the trimmer's last look",
    ("queue",),
    details="payloads and results kept apart by their size, all else from a sample of 100 jobs of "
    "each kind (measured: 0.90 to 1.23 of what the server allots). Lanes have budgets of their "
    "own and are shown apart. Set against `JOBYARD_QUEUE_BUDGET_BYTES`",
)
JOBS_PRUNED = Metric(
    "jobyard_jobs_pruned_total",
    Kind.COUNTER,
    "Ended jobs that this scheduler made the store forget: their TTL was over (ttl), or their "
    "queue was above its budget (budget)",
    ("queue", "reason"),
    details="those that expired before it came are not counted",
)
SCHEDULER_LAST_TICK = Metric(
    "jobyard_scheduler_last_tick_timestamp_seconds",
    Kind.GAUGE,
    "When a loop's last good tick ended, in Unix seconds",
    ("loop",),
    details="it stands still while the store is away",
)

POOL_DESIRED_WORKERS = Metric(
    "jobyard_pool_desired_workers",
    Kind.GAUGE,
    "Workers that a pool needs, within its limits; as GET /autoscale/<pool>",
    ("pool",),
    details="absent while the store cannot be read. Every scheduler shows the same, so take the "
    "maximum; [how it is reckoned](scaling.md)",
)

POOL_MAX_WORKERS = Metric(
    "jobyard_pool_max_workers",
    Kind.GAUGE,
    "Workers that a pool may have at most",
    ("pool",),
    details="`max` of `JOBYARD_POOLS`; a pool that needs so many for long is too small",
)

_LATENESS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
"""A promoter that is well is less than 0.25 s late; later is an outage, whose length matters."""

SCHEDULER_LATENESS = Metric(
    "jobyard_scheduler_lateness_seconds",
    Kind.HISTOGRAM,
    "How late a loop acted on what was due",
    ("loop",),
    _LATENESS,
    "`promoter`: delayed jobs and retries, of each batch the longest overdue; `ticker`: each tick "
    "of a schedule",
)

# ---------------------------------------------------------------- one API process

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
    "a stream of events counts as long as it is open",
)
HTTP_REQUESTS_UNDER_WAY = Metric(
    "jobyard_http_requests_under_way",
    Kind.GAUGE,
    "Requests whose response is not complete",
)
HTTP_PROBLEMS = Metric(
    "jobyard_http_problems_total",
    Kind.COUNTER,
    "Requests that were answered with a problem, by its code",
    ("code",),
    details="what a batch says of single jobs is not counted",
)
EVENT_CLIENTS = Metric("jobyard_event_clients", Kind.GAUGE, "Streams of events that are open")

# ---------------------------------------------------------------- every process

BUILD_INFO = Metric(
    "jobyard_build_info",
    Kind.GAUGE,
    "Always 1; its labels say what runs here",
    ("version", "service", "python"),
)

LEVELS = (
    QUEUE_JOBS,
    QUEUE_OLDEST_AGE,
    QUEUE_PAUSED,
    QUEUE_WORKERS,
    POOL_WORKERS,
    POOL_SLOTS,
    POOL_BUSY_SLOTS,
    UNREADABLE_RECORDS,
    JOBS_RESCUED,
    STORE_UP,
    STORE_MEMORY,
    STORE_MEMORY_LIMIT,
    STORE_CLIENTS,
    STORE_EVICTED,
    STORE_REJECTED,
)
"""What is so in the store, whoever looks: each scheduler shows the same."""

EVERY = (JOBS_SUBMITTED, BUILD_INFO)
"""Beside what the Prometheus client says of any process (``process_*``)."""

API = (
    HTTP_REQUESTS,
    HTTP_REQUEST_SECONDS,
    HTTP_REQUESTS_UNDER_WAY,
    HTTP_PROBLEMS,
    EVENT_CLIENTS,
)
WORKER = (
    JOBS_COMPLETED,
    JOB_RUN_SECONDS,
    JOB_WAIT_SECONDS,
    JOB_END_TO_END_SECONDS,
    SETTLEMENTS_REFUSED,
    WORKER_SLOTS,
    WORKER_BUSY_SLOTS,
    WORKER_BUSY_SECONDS,
    STORE_FAILURES,
)
SCHEDULER = (
    STOCK_WORKERS,
    QUEUE_RETAINED,
    JOBS_PRUNED,
    SCHEDULER_LAST_TICK,
    SCHEDULER_LATENESS,
    POOL_DESIRED_WORKERS,
    POOL_MAX_WORKERS,
)
ALL = (*EVERY, *API, *WORKER, *LEVELS, *SCHEDULER)

LABELS = {
    "queue": "those that the worker serves; in a scheduler and an API all of them",
    "task": "those that the process has; whatever else the store names, jobs of plain RQ code "
    "among them, is `other`",
    "outcome": "`succeeded`, `failed` (a dead letter), `retrying` (comes again), `canceled`, "
    "`crashed` (its own child died), `stopped` (RQ's command)",
    "state": "of jobs `queued`, `running`, `scheduled`, `blocked`, `succeeded`, `failed`, "
    "`canceled`; of workers `idle`, `busy`",
    "pool": "as `JOBYARD_POOL` names them",
    "reason": "of settlements `stale`, `vanished`; of what was pruned `ttl`, `budget`; of writes "
    "that the store refused `OOM`, `MISCONF`, `READONLY`, `NOREPLICAS`",
    "loop": "each loop of a scheduler by its name, as in `promoter`",
    "method": "as HTTP names them; any other is `other`",
    "route": "the template, as in `/v1/jobs/{job_id}`; empty where none matched",
    "status": "of the response; 0 for a client that went away first",
    "code": "of problems, as [the API's pages](errors/README.md) have them",
    "service": "`api`, `worker`, `scheduler`",
    "version": "of the service's package",
    "python": "as in 3.11.2",
}
"""The values of each label: closed sets all."""
