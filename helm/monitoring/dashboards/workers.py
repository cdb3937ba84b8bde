"""Workers and scaling: how many there are, how many there should be, and how they are."""

from __future__ import annotations

from monitoring.dashboard import Dashboard, Row
from monitoring.dashboards.selectors import (
    HERE,
    NAMESPACE_CHOICE,
    POOL,
    POOL_CHOICE,
    of_service,
)
from monitoring.panel import Colour, Kind, Panel, Query, Unit


def _of(metric: str, *by: str) -> str:
    return f"max by ({', '.join(('pool', *by))}) ({metric}{{{POOL}}})"


_RUNNING = f"sum by (pool) ({_of('jobyard_pool_workers', 'namespace', 'state')})"

_SCALING = Row(
    "Are there enough?",
    (
        Panel(
            title="Workers",
            description="Desired by the scaling formula, within the pool's limits, and those that "
            "hold a lease. Desired above running for long: the autoscaler finds no room.",
            queries=(
                Query(_of("jobyard_pool_desired_workers"), "{{pool}} desired"),
                Query(_RUNNING, "{{pool}} running"),
                Query(_of("jobyard_pool_max_workers"), "{{pool}} at most"),
            ),
            width=12,
        ),
        Panel(
            title="Idle and busy",
            description="Workers with no busy slot, and with one or more.",
            queries=(
                Query(
                    f"sum by (pool, state) ({_of('jobyard_pool_workers', 'namespace', 'state')})",
                    "{{pool}} {{state}}",
                ),
            ),
            is_stacked=True,
            width=12,
        ),
        Panel(
            title="Slots",
            description="Jobs that may run at once, and those that do. KEDA reads the busy ones "
            "from the same key of the store.",
            queries=(
                Query(_of("jobyard_pool_slots"), "{{pool}} slots"),
                Query(_of("jobyard_pool_busy_slots"), "{{pool}} busy"),
            ),
        ),
        Panel(
            title="Slots in use",
            description="Share of the slots that run a job. The formula aims at 80 %.",
            unit=Unit.SHARE,
            queries=(
                Query(
                    f"{_of('jobyard_pool_busy_slots')} / clamp_min({_of('jobyard_pool_slots')}, 1)",
                    "{{pool}}",
                ),
            ),
            steps=((0.95, Colour.LOOK),),
            most=1,
        ),
        Panel(
            title="Queues and their workers",
            description="Live workers that serve a queue. 0 is a queue that nobody serves.",
            kind=Kind.BARS,
            queries=(Query(f"max by (queue) (jobyard_queue_workers{{{HERE}}})", "{{queue}}"),),
            start=Colour.BAD,
            steps=((1, Colour.GOOD),),
        ),
    ),
)

_HEALTH = Row(
    "Are they well?",
    (
        Panel(
            title="Busy time",
            description="Seconds a second that slots were busy, by pool: the work that was really "
            "done.",
            queries=(
                Query(
                    f"sum by (pool) (rate(jobyard_worker_busy_seconds_total{{{POOL}}}"
                    "[$__rate_interval]))",
                    "{{pool}}",
                ),
            ),
        ),
        Panel(
            title="Rescued",
            description="Jobs a second that were taken from dead workers. Now and then is a lost "
            "node; again and again is a worker that crashes.",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    "sum(max by (namespace, queue) (rate(jobyard_jobs_rescued_total"
                    f"{{{HERE}}}[$__rate_interval])))",
                    "rescued",
                ),
            ),
        ),
        Panel(
            title="Refused outcomes",
            description="Stale: the worker had lost the job, so it ran twice. Vanished: somebody "
            "deleted the job meanwhile.",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    "sum by (reason) (rate(jobyard_settlements_refused_total"
                    f"{{{HERE}}}[$__rate_interval]))",
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            title="Store failures",
            description="Times a second that the store did not answer a worker.",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    f"sum(rate(jobyard_store_failures_total{{{HERE}}}[$__rate_interval]))",
                    "failures",
                ),
            ),
        ),
        Panel(
            title="Workers of RQ's own",
            description="They take jobs without a lease: what they hold when they die is lost to "
            "us.",
            queries=(Query(f"max(jobyard_stock_workers{{{HERE}}})", "rq worker"),),
            steps=((1, Colour.LOOK),),
        ),
        Panel(
            title="Starts",
            description="Worker processes by age of less than 10 minutes.",
            queries=(
                Query(
                    "count("
                    + of_service(
                        f"(time() - process_start_time_seconds{{{HERE}}} < bool 600)", "worker"
                    )
                    + " > 0) or on () vector(0)",
                    "young workers",
                ),
            ),
        ),
        Panel(
            title="Processor",
            description="Processor seconds a second of each worker process, without its children.",
            unit=Unit.CORES,
            queries=(
                Query(
                    of_service(
                        f"rate(process_cpu_seconds_total{{{HERE}}}[$__rate_interval])", "worker"
                    ),
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Memory",
            description="Resident memory of each worker process, without its children.",
            unit=Unit.BYTES,
            queries=(
                Query(
                    of_service(f"process_resident_memory_bytes{{{HERE}}}", "worker"),
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Versions",
            description="Processes by what they run; two versions at once only during an upgrade.",
            kind=Kind.TABLE,
            queries=(
                Query(
                    f"count by (service, version, python) (jobyard_build_info{{{HERE}}})",
                    "processes",
                ),
            ),
        ),
    ),
)

WORKERS = Dashboard(
    name="workers",
    title="Workers and scaling",
    description="How many workers there are, how many there should be, and how they are.",
    variables=(NAMESPACE_CHOICE, POOL_CHOICE),
    rows=(_SCALING, _HEALTH),
)
