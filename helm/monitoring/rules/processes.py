"""Alerts on what must be there: processes, the scheduler's loops, enough workers."""

from __future__ import annotations

from monitoring.rule import Alert, Group, Severity

PROCESSES = Group(
    "jobyard-processes",
    (
        Alert(
            name="JobyardTargetAbsent",
            expression=(
                "(\n"
                "  count by (namespace, service) (\n"
                '    last_over_time(jobyard_build_info{service=~"api|scheduler"}[6h]))\n'
                "  unless on (namespace, service)\n"
                "  count by (namespace, service) (jobyard_build_info)\n"
                ")\n"
                'or on (service) absent(jobyard_build_info{service="api"})\n'
                'or on (service) absent(jobyard_build_info{service="scheduler"})'
            ),
            holds="5m",
            severity=Severity.CRITICAL,
            summary="No {{ $labels.service }} of Jobyard shows metrics.",
            description="None runs, or Prometheus does not find it.",
        ),
        Alert(
            name="JobyardSchedulerSilent",
            expression=(
                "time() - max by (namespace, loop) "
                "(jobyard_scheduler_last_tick_timestamp_seconds) > 60s"
            ),
            holds="1m",
            severity=Severity.CRITICAL,
            summary="The scheduler's {{ $labels.loop }} stands still.",
            description="Its last good tick was {{ $value | humanizeDuration }} ago, in every "
            "scheduler.",
        ),
        Alert(
            name="JobyardSchedulerLate",
            expression="jobyard:scheduler_lateness_seconds:p99_5m > 5s",
            holds="5m",
            severity=Severity.WARNING,
            summary="The scheduler's {{ $labels.loop }} is late.",
            description="1 of 100 jobs that were due came more than "
            "{{ $value | humanizeDuration }} late.",
        ),
        Alert(
            name="JobyardPoolAtMaximum",
            expression=(
                "max by (namespace, pool) (jobyard_pool_desired_workers)\n"
                ">= on (namespace, pool)\n"
                "max by (namespace, pool) (jobyard_pool_max_workers)\n"
                "and on (namespace, pool)\n"
                "max by (namespace, pool) (jobyard_pool_busy_slots)\n"
                "/ on (namespace, pool) max by (namespace, pool) (jobyard_pool_slots) > 0.9"
            ),
            holds="15m",
            severity=Severity.WARNING,
            summary="Pool {{ $labels.pool }} is at its maximum and full.",
            description="It may have {{ $value }} workers, and needs them all or more.",
        ),
        Alert(
            name="JobyardPoolTooSmall",
            expression=(
                "max by (namespace, pool) (jobyard_pool_desired_workers)\n"
                "> on (namespace, pool)\n"
                "sum by (namespace, pool) (\n"
                "  max by (namespace, pool, state) (jobyard_pool_workers))"
            ),
            holds="15m",
            severity=Severity.WARNING,
            summary="Pool {{ $labels.pool }} has fewer workers than it should.",
            description="{{ $value }} are wanted, within its limits; the autoscaler does not bring "
            "them.",
        ),
    ),
)
