"""The first page: is it healthy, what waits and for how long, what fails, who works."""

from __future__ import annotations

from monitoring.dashboard import Dashboard, Row
from monitoring.dashboards.selectors import (
    HERE,
    NAMESPACE_CHOICE,
    QUEUE,
    QUEUE_CHOICE,
    completed,
    completed_or_none,
    jobs,
    quantiles,
)
from monitoring.panel import Colour, Kind, Panel, Query, Unit

_ENDED = "succeeded|failed|canceled|crashed|stopped"

_HEALTH = Row(
    "Is it healthy?",
    (
        Panel(
            title="Alerts",
            description="Alerts of Jobyard that fire. Each names its runbook.",
            kind=Kind.STAT,
            queries=(
                Query(
                    'count(ALERTS{alertname=~"Jobyard.+", alertstate="firing", '
                    f"{HERE}}}) or on () vector(0)",
                    "firing",
                ),
            ),
            steps=((1, Colour.BAD),),
            width=4,
            height=5,
        ),
        Panel(
            title="Store",
            description="Whether the store answers the scheduler.",
            kind=Kind.STAT,
            queries=(Query(f"min(jobyard_store_up{{{HERE}}})", "store"),),
            start=Colour.BAD,
            steps=((1, Colour.GOOD),),
            words=((0, "down"), (1, "up")),
            width=4,
            height=5,
        ),
        Panel(
            title="Processes",
            description="Processes that Prometheus reaches, by service. An API and a scheduler "
            "must be there; workers may be scaled to none.",
            kind=Kind.STAT,
            queries=(Query(f"count by (service) (jobyard_build_info{{{HERE}}})", "{{service}}"),),
            start=Colour.BAD,
            steps=((1, Colour.GOOD),),
            width=4,
            height=5,
        ),
        Panel(
            title="Waiting",
            description="Jobs that could run now and wait for a worker.",
            kind=Kind.STAT,
            queries=(Query(f"sum({jobs('queued')})", "queued"),),
            width=4,
            height=5,
        ),
        Panel(
            title="Longest wait",
            description="How long the oldest waiting job has waited; the alert's target is 5 min.",
            kind=Kind.STAT,
            queries=(Query(f"max(jobyard_queue_oldest_age_seconds{{{QUEUE}}})", "oldest"),),
            unit=Unit.SECONDS,
            steps=((60, Colour.LOOK), (300, Colour.BAD)),
            width=4,
            height=5,
        ),
        Panel(
            title="Failed",
            description="Share of the jobs that ended as a dead letter, of those that ended.",
            kind=Kind.STAT,
            queries=(
                Query(
                    f"(sum({completed('failed', 'queue')}) or on () vector(0)) / "
                    f"clamp_min(sum({completed('succeeded|failed', 'queue')}), 1e-9)",
                    "failed",
                ),
            ),
            unit=Unit.SHARE,
            steps=((0.01, Colour.LOOK), (0.05, Colour.BAD)),
            most=1,
            width=4,
            height=5,
        ),
    ),
)

_FLOW = Row(
    "What comes in, what waits and for how long",
    (
        Panel(
            title="Submitted and ended",
            description="Jobs a second. When more come in than end, the queues grow.",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    f"sum(rate(jobyard_jobs_submitted_total{{{QUEUE}}}[$__rate_interval]))",
                    "submitted",
                ),
                Query(f"sum({completed(_ENDED, 'queue')})", "ended"),
            ),
        ),
        Panel(
            title="Jobs by state",
            description="What has not ended: waiting, running, or planned for later.",
            queries=(
                Query(
                    f"sum by (state) ({jobs('queued|running|scheduled|blocked')})",
                    "{{state}}",
                ),
            ),
            is_stacked=True,
        ),
        Panel(
            title="Wait before a start",
            description="From when a job was ready in its queue to the start of the attempt.",
            unit=Unit.SECONDS,
            queries=quantiles("jobyard_job_wait_seconds", QUEUE),
        ),
    ),
)

_FAILURES = Row(
    "What fails",
    (
        Panel(
            title="Dead letters by task",
            description="Jobs a second that failed with no retry left. Look at the task's log.",
            unit=Unit.PER_SECOND,
            queries=(Query(completed_or_none("failed", "task"), "{{task}}"),),
        ),
        Panel(
            title="Retries by task",
            description="Attempts a second that failed and come again.",
            unit=Unit.PER_SECOND,
            queries=(Query(completed_or_none("retrying|crashed", "task"), "{{task}}"),),
        ),
        Panel(
            title="Dead letters that are kept",
            description="Failed jobs by queue: retry them by hand, or they go when their time is "
            "over.",
            queries=(Query(f"sum by (queue) ({jobs('failed')})", "{{queue}}"),),
        ),
    ),
)

_WORK = Row(
    "Who works",
    (
        Panel(
            title="Workers",
            description="Worker processes that hold a lease, and how many the scaling formula "
            "asks for.",
            queries=(
                Query(
                    f"sum(max by (namespace, pool) (jobyard_pool_desired_workers{{{HERE}}}))",
                    "desired",
                ),
                Query(
                    "sum by (state) (max by (namespace, pool, state) "
                    f"(jobyard_pool_workers{{{HERE}}}))",
                    "{{state}}",
                ),
            ),
        ),
        Panel(
            title="Slots in use",
            description="Share of the slots that run a job, by pool. At 100 % more work only "
            "waits longer.",
            unit=Unit.SHARE,
            queries=(
                Query(
                    f"max by (pool) (jobyard_pool_busy_slots{{{HERE}}}) / "
                    f"clamp_min(max by (pool) (jobyard_pool_slots{{{HERE}}}), 1)",
                    "{{pool}}",
                ),
            ),
            steps=((0.95, Colour.LOOK),),
            most=1,
        ),
        Panel(
            title="API answers",
            description="Requests a second by status; 0 is a client that went away first.",
            unit=Unit.REQUESTS,
            queries=(
                Query(
                    f"sum by (status) (rate(jobyard_http_requests_total{{{HERE}}}"
                    "[$__rate_interval]))",
                    "{{status}}",
                ),
            ),
            is_stacked=True,
        ),
    ),
)

OVERVIEW = Dashboard(
    name="overview",
    title="Overview",
    description="Is it healthy, what waits and for how long, what fails, who works.",
    variables=(NAMESPACE_CHOICE, QUEUE_CHOICE),
    rows=(_HEALTH, _FLOW, _FAILURES, _WORK),
)
