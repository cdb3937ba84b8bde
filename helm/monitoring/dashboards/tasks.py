"""Tasks: how often they run, how long, and how they end."""

from __future__ import annotations

from monitoring.dashboard import Dashboard, Row
from monitoring.dashboards.selectors import (
    NAMESPACE_CHOICE,
    QUEUE,
    QUEUE_CHOICE,
    TASK,
    TASK_CHOICE,
    completed,
    completed_or_none,
    quantile,
    quantiles,
)
from monitoring.panel import Colour, Kind, Panel, Query, Unit

_RUNS = "jobyard_job_run_seconds"


def _rate(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}{{{TASK}}}[$__rate_interval]))"


_OUTCOMES = Row(
    "How they end",
    (
        Panel(
            title="Submitted",
            description="Jobs a second that came in, by task.",
            unit=Unit.PER_SECOND,
            queries=(Query(_rate("jobyard_jobs_submitted_total", "task"), "{{task}}"),),
        ),
        Panel(
            title="Attempts by outcome",
            description="Attempts a second. Retrying: failed and comes again. Crashed: its own "
            "process died. Stopped: by RQ's command.",
            unit=Unit.PER_SECOND,
            queries=(Query(completed(".+", "outcome", TASK), "{{outcome}}"),),
            is_stacked=True,
        ),
        Panel(
            title="Share that fails",
            description="Dead letters among the jobs that ended, by task. The alert fires above "
            "20 %.",
            unit=Unit.SHARE,
            queries=(
                Query(
                    f"({completed_or_none('failed', 'task', TASK)}) / on (task) "
                    f"clamp_min({completed('succeeded|failed', 'task', TASK)}, 1e-9)",
                    "{{task}}",
                ),
            ),
            steps=((0.2, Colour.BAD),),
            most=1,
        ),
        Panel(
            title="Succeeded",
            description="Jobs a second that succeeded, by task.",
            unit=Unit.PER_SECOND,
            queries=(Query(completed_or_none("succeeded", "task", TASK), "{{task}}"),),
        ),
        Panel(
            title="Dead letters",
            description="Jobs a second that failed with no retry left, by task.",
            unit=Unit.PER_SECOND,
            queries=(Query(completed_or_none("failed", "task", TASK), "{{task}}"),),
        ),
        Panel(
            title="Retries and crashes",
            description="Attempts a second that failed or crashed and come again, by task.",
            unit=Unit.PER_SECOND,
            queries=(Query(completed_or_none("retrying|crashed", "task", TASK), "{{task}}"),),
        ),
    ),
)

_TIMES = Row(
    "How long they run",
    (
        Panel(
            title="Run time",
            description="From the start of an attempt to its end, of the chosen tasks together.",
            unit=Unit.SECONDS,
            queries=quantiles(_RUNS, TASK),
        ),
        Panel(
            title="Run time by task, 95 %",
            description="95 of 100 attempts were over within that time.",
            unit=Unit.SECONDS,
            queries=(Query(quantile(0.95, _RUNS, TASK, "task"), "{{task}}"),),
        ),
        Panel(
            title="Run times",
            description="How the attempts are spread over the buckets of run time.",
            kind=Kind.HEATMAP,
            queries=(Query(_rate(f"{_RUNS}_bucket", "le"), "{{le}}"),),
        ),
        Panel(
            title="Slots that a task takes",
            description="Seconds of run time a second: that many slots are busy with it on "
            "average. The largest is what to make quicker, or to give a pool of its own.",
            queries=(Query(_rate(f"{_RUNS}_sum", "task"), "{{task}}"),),
            is_stacked=True,
        ),
        Panel(
            title="Mean run time now",
            description="By task; what a latency target and meanJobSeconds of a pool build on.",
            kind=Kind.BARS,
            unit=Unit.SECONDS,
            queries=(
                Query(
                    f"{_rate(f'{_RUNS}_sum', 'task')} / "
                    f"clamp_min({_rate(f'{_RUNS}_count', 'task')}, 1e-9)",
                    "{{task}}",
                ),
            ),
        ),
        Panel(
            title="From submission to end",
            description="Waits, pauses before retries and runs together, of the chosen queues.",
            unit=Unit.SECONDS,
            queries=quantiles("jobyard_job_end_to_end_seconds", QUEUE),
        ),
    ),
)

TASKS = Dashboard(
    name="tasks",
    title="Tasks",
    description="How often tasks run, how long, and how they end.",
    variables=(NAMESPACE_CHOICE, QUEUE_CHOICE, TASK_CHOICE),
    rows=(_OUTCOMES, _TIMES),
)
