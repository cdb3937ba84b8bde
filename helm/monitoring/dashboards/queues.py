"""Queues: how much waits where, how long, and when it will be done."""

from __future__ import annotations

from monitoring.dashboard import Dashboard, Row
from monitoring.dashboards.selectors import (
    NAMESPACE_CHOICE,
    QUEUE,
    QUEUE_CHOICE,
    completed,
    jobs,
    quantile,
)
from monitoring.panel import Colour, Kind, Panel, Query, Unit


def _of(metric: str) -> str:
    return f"max by (namespace, queue) ({metric}{{{QUEUE}}})"


def _count(state: str) -> Query:
    return Query(f"sum by (namespace, queue) ({jobs(state)})", state)


_ENDED = completed("succeeded|failed|canceled", "queue")

_TABLE = Row(
    "All queues",
    (
        Panel(
            title="Queues now",
            description="One line a queue. Workers: those alive that serve it; 0 is nobody. "
            "Paused: 1 where no worker takes from it.",
            kind=Kind.TABLE,
            queries=(
                *map(_count, ("queued", "running", "scheduled", "failed")),
                Query(_of("jobyard_queue_oldest_age_seconds"), "oldest", Unit.SECONDS),
                Query(_of("jobyard_queue_workers"), "workers"),
                Query(_of("jobyard_queue_paused"), "paused"),
                Query(_of("jobyard_queue_retained_bytes"), "kept", Unit.BYTES),
            ),
            width=24,
            height=9,
        ),
    ),
)

_WAITING = Row(
    "What waits",
    (
        Panel(
            title="Waiting",
            description="Jobs that could run now, by queue.",
            queries=(Query(f"sum by (queue) ({jobs('queued')})", "{{queue}}"),),
        ),
        Panel(
            title="Longest wait",
            description="Age of the oldest waiting job, by queue. The alert's target is 5 min.",
            unit=Unit.SECONDS,
            queries=(
                Query(f"max by (queue) (jobyard_queue_oldest_age_seconds{{{QUEUE}}})", "{{queue}}"),
            ),
            steps=((300, Colour.BAD),),
        ),
        Panel(
            title="Wait before a start, 99 %",
            description="99 of 100 attempts started within that time of being ready, by queue.",
            unit=Unit.SECONDS,
            queries=(
                Query(quantile(0.99, "jobyard_job_wait_seconds", QUEUE, "queue"), "{{queue}}"),
            ),
        ),
        Panel(
            title="Planned for later",
            description="Scheduled: delayed jobs and those that wait for their next attempt. "
            "Blocked: jobs of plain RQ code that wait for others.",
            queries=(
                Query(
                    f"sum by (queue, state) ({jobs('scheduled|blocked')})",
                    "{{queue}} {{state}}",
                ),
            ),
            is_stacked=True,
        ),
        Panel(
            title="Running",
            description="Jobs that a worker holds, by queue.",
            queries=(Query(f"sum by (queue) ({jobs('running')})", "{{queue}}"),),
            is_stacked=True,
        ),
        Panel(
            title="Workers that serve it",
            description="Live workers by queue; 0 is a queue that nobody serves.",
            queries=(Query(f"max by (queue) (jobyard_queue_workers{{{QUEUE}}})", "{{queue}}"),),
            start=Colour.BAD,
            steps=((1, Colour.GOOD),),
        ),
    ),
)

_FLOW = Row(
    "What comes and goes",
    (
        Panel(
            title="Submitted",
            description="Jobs a second that came in, by queue.",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    f"sum by (queue) (rate(jobyard_jobs_submitted_total{{{QUEUE}}}"
                    "[$__rate_interval]))",
                    "{{queue}}",
                ),
            ),
        ),
        Panel(
            title="Ended",
            description="Jobs a second that came to their end, by queue.",
            unit=Unit.PER_SECOND,
            queries=(Query(_ENDED, "{{queue}}"),),
        ),
        Panel(
            title="Time to empty",
            description="What waits, divided by what ends a second; as long as nothing new comes.",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    f"sum by (queue) ({jobs('queued')}) / on (queue) clamp_min({_ENDED}, 1e-9)",
                    "{{queue}}",
                ),
            ),
        ),
        Panel(
            title="From submission to end, 95 %",
            description="95 of 100 jobs were over within that time, waits and retries included.",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    quantile(0.95, "jobyard_job_end_to_end_seconds", QUEUE, "queue"), "{{queue}}"
                ),
            ),
        ),
        Panel(
            title="Kept of ended jobs",
            description="Estimated memory in the store; set against JOBYARD_QUEUE_BUDGET_BYTES.",
            unit=Unit.BYTES,
            queries=(
                Query(f"max by (queue) (jobyard_queue_retained_bytes{{{QUEUE}}})", "{{queue}}"),
            ),
            is_stacked=True,
        ),
        Panel(
            title="Rescued",
            description="Jobs a second that were taken from dead workers and went back to their "
            "queue.",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    f"max by (queue) (rate(jobyard_jobs_rescued_total{{{QUEUE}}}"
                    "[$__rate_interval]))",
                    "{{queue}}",
                ),
            ),
        ),
    ),
)

QUEUES = Dashboard(
    name="queues",
    title="Queues",
    description="How much waits where, for how long, and when it will be done.",
    variables=(NAMESPACE_CHOICE, QUEUE_CHOICE),
    rows=(_TABLE, _WAITING, _FLOW),
)
