"""What Prometheus computes ahead: one value where each scheduler shows the same, and ratios."""

from __future__ import annotations

from monitoring.rule import Group, Record

RECORDING = Group(
    "jobyard-recording",
    (
        Record(
            "jobyard:queue_jobs:max",
            "max by (namespace, queue, state) (jobyard_queue_jobs)",
        ),
        Record(
            "jobyard:queue_oldest_age_seconds:max",
            "max by (namespace, queue) (jobyard_queue_oldest_age_seconds)",
        ),
        Record(
            "jobyard:queue_oldest_age_seconds:target",
            "0 * jobyard:queue_oldest_age_seconds:max + 300s",
        ),
        Record(
            "jobyard:queue_workers:max",
            "max by (namespace, queue) (jobyard_queue_workers)",
        ),
        Record(
            "jobyard:queue_paused:max",
            "max by (namespace, queue) (jobyard_queue_paused)",
        ),
        Record(
            "jobyard:jobs_submitted:rate5m",
            "sum by (namespace, queue) (rate(jobyard_jobs_submitted_total[5m]))",
        ),
        Record(
            "jobyard:jobs_completed:rate5m",
            "sum by (namespace, queue, outcome) (rate(jobyard_jobs_completed_total[5m]))",
        ),
        Record(
            "jobyard:job_wait_seconds:p99_5m",
            "histogram_quantile(0.99,\n"
            "  sum by (namespace, queue, le) (rate(jobyard_job_wait_seconds_bucket[5m])))",
        ),
        Record(
            "jobyard:task_failures:ratio_rate10m",
            "sum by (namespace, task) (\n"
            '  rate(jobyard_jobs_completed_total{outcome="failed"}[10m]))\n'
            "/\n"
            "sum by (namespace, task) (\n"
            '  rate(jobyard_jobs_completed_total{outcome=~"succeeded|failed"}[10m]) > 0)',
        ),
        Record(
            "jobyard:scheduler_lateness_seconds:p99_5m",
            "histogram_quantile(0.99,\n"
            "  sum by (namespace, loop, le) (rate(jobyard_scheduler_lateness_seconds_bucket[5m])))",
        ),
    ),
)


def _errors(window: str) -> Record:
    return Record(
        f"jobyard:http_errors:ratio_rate{window}",
        "(\n"
        "  sum by (namespace) (\n"
        f'    rate(jobyard_http_requests_total{{status=~"5.."}}[{window}]))\n'
        f"  or 0 * sum by (namespace) (rate(jobyard_http_requests_total[{window}]))\n"
        ")\n"
        f"/ (sum by (namespace) (rate(jobyard_http_requests_total[{window}])) > 0)",
    )


def _slow(window: str) -> Record:
    requests = 'method="POST", route="/v1/jobs"'
    return Record(
        f"jobyard:slow_submissions:ratio_rate{window}",
        "1 -\n"
        "sum by (namespace) (\n"
        f'  rate(jobyard_http_request_seconds_bucket{{{requests}, le="0.25"}}[{window}]))\n'
        "/\n"
        "(sum by (namespace) (\n"
        f"  rate(jobyard_http_request_seconds_count{{{requests}}}[{window}])) > 0)",
    )


WINDOWS = ("5m", "30m", "1h", "6h", "3d")
"""Short and long windows of the burn rates; see ``service_level.py``."""

RATIOS = Group(
    "jobyard-service-level",
    tuple(record(window) for record in (_errors, _slow) for window in WINDOWS),
)
