"""Alerts on the work itself: what waits too long, fails, is done twice or by nobody."""

from __future__ import annotations

from monitoring.rule import Alert, Group, Severity

_NOT_PAUSED = "unless on (namespace, queue) jobyard:queue_paused:max == 1"

JOBS = Group(
    "jobyard-jobs",
    (
        Alert(
            name="JobyardQueueLate",
            expression=(
                "jobyard:queue_oldest_age_seconds:max\n"
                "> on (namespace, queue) jobyard:queue_oldest_age_seconds:target\n" + _NOT_PAUSED
            ),
            holds="5m",
            severity=Severity.WARNING,
            summary="Jobs in queue {{ $labels.queue }} wait too long.",
            description="The oldest has waited for {{ $value | humanizeDuration }}.",
        ),
        Alert(
            name="JobyardQueueWithoutWorkers",
            expression=(
                'jobyard:queue_jobs:max{state="queued"} > 0\n'
                "and on (namespace, queue) jobyard:queue_workers:max == 0\n" + _NOT_PAUSED
            ),
            holds="5m",
            severity=Severity.CRITICAL,
            summary="Nobody serves queue {{ $labels.queue }}.",
            description="{{ $value }} jobs wait in it and no live worker takes from it.",
        ),
        Alert(
            name="JobyardTaskFailing",
            expression=(
                "jobyard:task_failures:ratio_rate10m > 0.2\n"
                "and on (namespace, task)\n"
                "sum by (namespace, task) (\n"
                '  increase(jobyard_jobs_completed_total{outcome="failed"}[10m])) >= 5'
            ),
            holds="5m",
            severity=Severity.WARNING,
            summary="{{ $value | humanizePercentage }} of the jobs of {{ $labels.task }} fail.",
            description="They ended as dead letters, with no retry left, within 10 minutes.",
        ),
        Alert(
            name="JobyardDeadLettersGrow",
            expression='delta(jobyard:queue_jobs:max{state="failed"}[30m]) > 20',
            holds="5m",
            severity=Severity.WARNING,
            summary="Queue {{ $labels.queue }} gathers dead letters.",
            description='{{ printf "%.0f" $value }} more than 30 minutes ago.',
        ),
        Alert(
            name="JobyardJobsRescued",
            expression=("max by (namespace, queue) (increase(jobyard_jobs_rescued_total[5m])) > 0"),
            holds="10m",
            severity=Severity.WARNING,
            summary="Workers of queue {{ $labels.queue }} die again and again.",
            description="Jobs have been taken from dead workers for 10 minutes; "
            '{{ printf "%.0f" $value }} in the last 5.',
        ),
        Alert(
            name="JobyardStaleSettles",
            expression=(
                "sum by (namespace) (\n"
                '  increase(jobyard_settlements_refused_total{reason="stale"}[15m])) > 0'
            ),
            holds="1m",
            severity=Severity.WARNING,
            summary="Jobs ran twice: workers lost them while they worked.",
            description='The store refused {{ printf "%.0f" $value }} outcomes within 15 minutes, '
            "as another worker had the job by then.",
        ),
    ),
)
