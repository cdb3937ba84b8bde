"""Scheduler and store: whether what is due happens in time, and how full the store is."""

from __future__ import annotations

from monitoring.dashboard import Dashboard, Row
from monitoring.dashboards.selectors import HERE, NAMESPACE_CHOICE, of_service, quantile
from monitoring.panel import Colour, Kind, Panel, Query, Unit

_USED = f"max by (namespace) (jobyard_store_memory_bytes{{{HERE}}})"
_LIMIT = f"max by (namespace) (jobyard_store_memory_limit_bytes{{{HERE}}})"

_SCHEDULER = Row(
    "Scheduler",
    (
        Panel(
            title="Schedulers",
            description="Scheduler processes that Prometheus reaches; two are better than one.",
            kind=Kind.STAT,
            queries=(
                Query(
                    f'count(jobyard_build_info{{{HERE}, service="scheduler"}}) or on () vector(0)',
                    "schedulers",
                ),
            ),
            start=Colour.BAD,
            steps=((1, Colour.GOOD),),
            width=4,
        ),
        Panel(
            title="Since the last tick",
            description="Seconds since a loop's last good tick, of the scheduler that ticked last. "
            "Promoter and reaper tick all the time, the others every 10 s. The alert fires above "
            "60 s.",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    "time() - max by (loop) "
                    f"(jobyard_scheduler_last_tick_timestamp_seconds{{{HERE}}})",
                    "{{loop}}",
                ),
            ),
            steps=((60, Colour.BAD),),
            width=10,
        ),
        Panel(
            title="Lateness, 99 %",
            description="How late 99 of 100 delayed jobs, retries and ticks of schedules came.",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    quantile(0.99, "jobyard_scheduler_lateness_seconds", HERE, "loop"), "{{loop}}"
                ),
            ),
            steps=((5, Colour.BAD),),
            width=10,
        ),
        Panel(
            title="Rescued",
            description="Jobs a second that were taken from dead workers.",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    "max by (queue) (rate(jobyard_jobs_rescued_total"
                    f"{{{HERE}}}[$__rate_interval]))",
                    "{{queue}}",
                ),
            ),
        ),
        Panel(
            title="Forgotten",
            description="Ended jobs a second that the store let go: their time was over (ttl) or "
            "their queue above its budget.",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    "sum by (reason) (rate(jobyard_jobs_pruned_total"
                    f"{{{HERE}}}[$__rate_interval])) or on () vector(0)",
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            title="Unreadable records",
            description="Records that cannot be read as a job; GET /v1/unreadable-records says "
            "why.",
            queries=(Query(f"max(jobyard_unreadable_records{{{HERE}}})", "unreadable"),),
            steps=((1, Colour.LOOK),),
        ),
    ),
)

_STORE = Row(
    "Store",
    (
        Panel(
            title="Store",
            description="Whether it answers the scheduler.",
            kind=Kind.STAT,
            queries=(Query(f"min(jobyard_store_up{{{HERE}}})", "store"),),
            start=Colour.BAD,
            steps=((1, Colour.GOOD),),
            words=((0, "down"), (1, "up")),
            width=4,
        ),
        Panel(
            title="Memory",
            description="Used, and the limit (maxmemory; 0 is none). A full store refuses new "
            "jobs and goes on finishing those that it has.",
            unit=Unit.BYTES,
            queries=(Query(_USED, "used"), Query(_LIMIT, "limit")),
            width=10,
        ),
        Panel(
            title="Memory in use",
            description="Share of the limit; 0 where there is none. The alert fires above 85 %.",
            unit=Unit.SHARE,
            queries=(Query(f"({_LIMIT} > bool 0) * {_USED} / clamp_min({_LIMIT}, 1)", "used"),),
            steps=((0.85, Colour.BAD),),
            width=10,
        ),
        Panel(
            title="Refused writes",
            description="Writes a second that the store refused: OOM (full), READONLY (a "
            "replica), MISCONF (cannot save).",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    "max by (reason) (rate(jobyard_store_rejected_writes_total"
                    f"{{{HERE}}}[$__rate_interval])) or on () vector(0)",
                    "{{reason}}",
                ),
            ),
            steps=((0.001, Colour.BAD),),
        ),
        Panel(
            title="Evicted keys",
            description="Keys a second that the store threw away. Any is a lost job: set "
            "maxmemory-policy noeviction.",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    f"max(rate(jobyard_store_evicted_keys_total{{{HERE}}}[$__rate_interval]))",
                    "evicted",
                ),
            ),
            steps=((0.001, Colour.BAD),),
        ),
        Panel(
            title="Clients",
            description="Connections to the store, those of others among them.",
            queries=(Query(f"max(jobyard_store_clients{{{HERE}}})", "connections"),),
        ),
        Panel(
            title="Kept of ended jobs",
            description="Estimated memory by queue.",
            unit=Unit.BYTES,
            queries=(
                Query(f"max by (queue) (jobyard_queue_retained_bytes{{{HERE}}})", "{{queue}}"),
            ),
            is_stacked=True,
        ),
        Panel(
            title="Processor of the schedulers",
            description="Processor seconds a second of each scheduler process.",
            unit=Unit.CORES,
            queries=(
                Query(
                    of_service(
                        f"rate(process_cpu_seconds_total{{{HERE}}}[$__rate_interval])",
                        "scheduler",
                    ),
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Memory of the schedulers",
            description="Resident memory of each scheduler process.",
            unit=Unit.BYTES,
            queries=(
                Query(
                    of_service(f"process_resident_memory_bytes{{{HERE}}}", "scheduler"),
                    "{{instance}}",
                ),
            ),
        ),
    ),
)

SCHEDULER = Dashboard(
    name="scheduler",
    title="Scheduler and store",
    description="Whether what is due happens in time, and how full the store is.",
    variables=(NAMESPACE_CHOICE,),
    rows=(_SCHEDULER, _STORE),
)
