"""What Prometheus sees over time, and which alerts that is: for promtool's unit tests.

Values are written as promtool has them: ``0+60x30`` grows by 60 a minute, thirty times.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from monitoring.rules import GROUPS

RUNBOOK = "docs/runbooks/{}.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One alert as its receiver gets it, without what all of its name have."""

    labels: dict[str, str]
    summary: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Series by name and labels; at which minutes ``alert`` fires how, and when it is quiet."""

    name: str
    alert: str
    series: dict[str, str]
    fires: dict[str, tuple[Firing, ...]] = field(default_factory=dict)
    quiet: tuple[str, ...] = ()
    step: str = "1m"
    """Between two values, and between two evaluations of the rules."""

    def as_promtool(self) -> dict[str, object]:
        """One entry of ``tests`` in a file for ``promtool test rules``."""
        moments = {**dict.fromkeys(self.quiet, ()), **self.fires}
        return {
            "name": f"{self.alert}: {self.name}",
            "interval": self.step,
            "input_series": [
                {"series": series, "values": values} for series, values in self.series.items()
            ],
            "alert_rule_test": [
                {
                    "alertname": self.alert,
                    "eval_time": moment,
                    "exp_alerts": [self._expected(firing) for firing in firings],
                }
                for moment, firings in moments.items()
            ],
        }

    def _expected(self, firing: Firing) -> dict[str, dict[str, str]]:
        return {
            "exp_labels": firing.labels,
            "exp_annotations": {
                "summary": firing.summary,
                "description": firing.description,
                "runbook_url": RUNBOOK.format(self.alert),
            },
        }


def promtool_file(rules: str, step: str) -> dict[str, object]:
    """All cases of one step; JSON is YAML. ``rules`` is the path of the rules under test."""
    return {
        "rule_files": [rules],
        "evaluation_interval": step,
        "group_eval_order": [group.name for group in GROUPS],
        "tests": [case.as_promtool() for case in CASES if case.step == step],
    }


_QUEUE = 'namespace="shop", queue="mail"'
_WARNING = {"namespace": "shop", "severity": "warning"}
_CRITICAL = {"namespace": "shop", "severity": "critical"}


def _requests(share_of_errors: float) -> dict[str, str]:
    """A thousand requests a minute, for an hour, or for four days in steps of half an hour."""
    errors = round(1000 * share_of_errors, 3)
    return {
        'jobyard_http_requests_total{namespace="shop", status="503"}': f"0+{errors}x200",
        'jobyard_http_requests_total{namespace="shop", status="201"}': f"0+{1000 - errors}x200",
    }


def _submissions(share_of_slow: float) -> dict[str, str]:
    """The same for how long submissions take."""
    labels = 'namespace="shop", method="POST", route="/v1/jobs"'
    name, quick = "jobyard_http_request_seconds", round(1000 * (1 - share_of_slow), 3)
    return {
        f'{name}_bucket{{{labels}, le="0.25"}}': f"0+{quick}x200",
        f"{name}_count{{{labels}}}": "0+1000x200",
    }


def _burning(window: str, severity: str, says: str, description: str) -> Firing:
    return Firing(
        labels={"namespace": "shop", "severity": severity, "window": window},
        summary=says,
        description=description,
    )


CASES = (
    Case(
        name="jobs wait longer and longer",
        alert="JobyardQueueLate",
        series={f"jobyard_queue_oldest_age_seconds{{{_QUEUE}}}": "0+60x30"},
        quiet=("10m",),
        fires={
            "12m": (
                Firing(
                    labels={**_WARNING, "queue": "mail"},
                    summary="Jobs in queue mail wait too long.",
                    description="The oldest has waited for 12m 0s.",
                ),
            )
        },
    ),
    Case(
        name="they wait in a paused queue",
        alert="JobyardQueueLate",
        series={
            f"jobyard_queue_oldest_age_seconds{{{_QUEUE}}}": "0+60x30",
            f"jobyard_queue_paused{{{_QUEUE}}}": "1x30",
        },
        quiet=("12m", "30m"),
    ),
    Case(
        name="they wait, but no longer than the target",
        alert="JobyardQueueLate",
        series={f"jobyard_queue_oldest_age_seconds{{{_QUEUE}}}": "299x30"},
        quiet=("12m", "30m"),
    ),
    Case(
        name="two schedulers see the same jobs, nobody serves them",
        alert="JobyardQueueWithoutWorkers",
        series={
            f'jobyard_queue_jobs{{{_QUEUE}, state="queued", instance="a"}}': "0x4 3x30",
            f'jobyard_queue_jobs{{{_QUEUE}, state="queued", instance="b"}}': "0x4 3x30",
            f'jobyard_queue_workers{{{_QUEUE}, instance="a"}}': "0x40",
        },
        quiet=("4m", "9m"),
        fires={
            "10m": (
                Firing(
                    labels={**_CRITICAL, "queue": "mail", "state": "queued"},
                    summary="Nobody serves queue mail.",
                    description="3 jobs wait in it and no live worker takes from it.",
                ),
            )
        },
    ),
    Case(
        name="one worker serves them",
        alert="JobyardQueueWithoutWorkers",
        series={
            f'jobyard_queue_jobs{{{_QUEUE}, state="queued"}}': "3x30",
            f"jobyard_queue_workers{{{_QUEUE}}}": "1x30",
        },
        quiet=("10m", "30m", "120m"),
    ),
    Case(
        name="nobody serves a queue in which nothing waits",
        alert="JobyardQueueWithoutWorkers",
        series={
            f'jobyard_queue_jobs{{{_QUEUE}, state="queued"}}': "0x30",
            f'jobyard_queue_jobs{{{_QUEUE}, state="failed"}}': "9x30",
            f"jobyard_queue_workers{{{_QUEUE}}}": "0x30",
        },
        quiet=("10m", "30m", "120m"),
    ),
    Case(
        name="half of the jobs fail, then none",
        alert="JobyardTaskFailing",
        series={
            'jobyard_jobs_completed_total{namespace="shop", task="bill", outcome="failed"}': (
                "0+2x20 40x40"
            ),
            'jobyard_jobs_completed_total{namespace="shop", task="bill", outcome="succeeded"}': (
                "0+2x60"
            ),
        },
        quiet=("2m", "40m"),
        fires={
            "20m": (
                Firing(
                    labels={**_WARNING, "task": "bill"},
                    summary="50% of the jobs of bill fail.",
                    description="They ended as dead letters, with no retry left, within 10 "
                    "minutes.",
                ),
            )
        },
    ),
    Case(
        name="a tenth fails",
        alert="JobyardTaskFailing",
        series={
            'jobyard_jobs_completed_total{namespace="shop", task="bill", outcome="failed"}': (
                "0+1x60"
            ),
            'jobyard_jobs_completed_total{namespace="shop", task="bill", outcome="succeeded"}': (
                "0+9x60"
            ),
        },
        quiet=("20m", "60m"),
    ),
    Case(
        name="all fail, but they are few",
        alert="JobyardTaskFailing",
        series={
            'jobyard_jobs_completed_total{namespace="shop", task="bill", outcome="failed"}': (
                "0 0 1 2 3 3x60"
            ),
        },
        quiet=("8m", "10m", "20m"),
    ),
    Case(
        name="one more every minute, for an hour",
        alert="JobyardDeadLettersGrow",
        series={f'jobyard_queue_jobs{{{_QUEUE}, state="failed"}}': "0+1x60 60x60"},
        quiet=("15m", "100m"),
        fires={
            "40m": (
                Firing(
                    labels={**_WARNING, "queue": "mail", "state": "failed"},
                    summary="Queue mail gathers dead letters.",
                    description="30 more than 30 minutes ago.",
                ),
            )
        },
    ),
    Case(
        name="one more every two minutes",
        alert="JobyardDeadLettersGrow",
        series={f'jobyard_queue_jobs{{{_QUEUE}, state="failed"}}': "0+0.5x120"},
        quiet=("40m", "100m"),
    ),
    Case(
        name="again and again, then no more",
        alert="JobyardJobsRescued",
        series={f"jobyard_jobs_rescued_total{{{_QUEUE}}}": "0+1x20 20x60"},
        quiet=("9m", "40m"),
        fires={
            "15m": (
                Firing(
                    labels={**_WARNING, "queue": "mail"},
                    summary="Workers of queue mail die again and again.",
                    description="Jobs have been taken from dead workers for 10 minutes; 5 in the "
                    "last 5.",
                ),
            )
        },
    ),
    Case(
        name="one lost node with many jobs",
        alert="JobyardJobsRescued",
        series={f"jobyard_jobs_rescued_total{{{_QUEUE}}}": "0x5 300x60"},
        quiet=("7m", "15m", "30m"),
    ),
    Case(
        name="two outcomes of one moment",
        alert="JobyardStaleSettles",
        series={'jobyard_settlements_refused_total{namespace="shop", reason="stale"}': "0x15 2x60"},
        quiet=("16m", "40m"),
        fires={
            "20m": (
                Firing(
                    labels=_WARNING,
                    summary="Jobs ran twice: workers lost them while they worked.",
                    description="The store refused 2 outcomes within 15 minutes, as another worker "
                    "had the job by then.",
                ),
            )
        },
    ),
    Case(
        name="records that were deleted meanwhile are no trouble",
        alert="JobyardStaleSettles",
        series={
            'jobyard_settlements_refused_total{namespace="shop", reason="vanished"}': "0+1x60",
            'jobyard_settlements_refused_total{namespace="shop", reason="stale"}': "7x60",
        },
        quiet=("8m", "60m"),
    ),
    Case(
        name="there is only a worker",
        alert="JobyardTargetAbsent",
        series={'jobyard_build_info{namespace="shop", service="worker"}': "1x30"},
        quiet=("4m",),
        fires={
            "5m": tuple(
                Firing(
                    labels={"service": service, "severity": "critical"},
                    summary=f"No {service} of Jobyard shows metrics.",
                    description="None runs, or Prometheus does not find it.",
                )
                for service in ("api", "scheduler")
            )
        },
    ),
    Case(
        name="one of two yards loses its API and gets it back",
        alert="JobyardTargetAbsent",
        series={
            'jobyard_build_info{namespace="shop", service="api"}': "1x10 _x20 1x10",
            'jobyard_build_info{namespace="shop", service="scheduler"}': "1x40",
            'jobyard_build_info{namespace="lab", service="api"}': "1x40",
            'jobyard_build_info{namespace="lab", service="scheduler"}': "1x40",
        },
        quiet=("10m", "35m"),
        fires={
            "22m": (
                Firing(
                    labels={**_CRITICAL, "service": "api"},
                    summary="No api of Jobyard shows metrics.",
                    description="None runs, or Prometheus does not find it.",
                ),
            )
        },
    ),
    Case(
        name="workers may be scaled to none",
        alert="JobyardTargetAbsent",
        series={
            'jobyard_build_info{namespace="shop", service="api"}': "1x30",
            'jobyard_build_info{namespace="shop", service="scheduler"}': "1x30",
        },
        quiet=("5m", "30m"),
    ),
    Case(
        name="the last tick was at minute ten, in both schedulers",
        alert="JobyardSchedulerSilent",
        series={
            'jobyard_scheduler_last_tick_timestamp_seconds{namespace="shop", loop="reaper", '
            f'instance="{instance}"}}': "0+60x10 600x60"
            for instance in "ab"
        },
        quiet=("10m", "12m"),
        fires={
            "13m": (
                Firing(
                    labels={**_CRITICAL, "loop": "reaper"},
                    summary="The scheduler's reaper stands still.",
                    description="Its last good tick was 3m 0s ago, in every scheduler.",
                ),
            )
        },
    ),
    Case(
        name="the other scheduler goes on",
        alert="JobyardSchedulerSilent",
        series={
            'jobyard_scheduler_last_tick_timestamp_seconds{loop="reaper", instance="a"}': "600x60",
            'jobyard_scheduler_last_tick_timestamp_seconds{loop="reaper", instance="b"}': (
                "0+60x60"
            ),
        },
        quiet=("13m", "30m"),
    ),
    Case(
        name="jobs come ten seconds late, then in time",
        alert="JobyardSchedulerLate",
        series={
            f'jobyard_scheduler_lateness_seconds_bucket{{{{namespace="shop", loop="promoter", '
            f'le="{le}"}}}}'.replace("{{", "{").replace("}}", "}"): values
            for le, values in {
                "1": "0x20 0+100x40",
                "10": "0+100x60",
                "+Inf": "0+100x60",
            }.items()
        },
        quiet=("5m", "40m"),
        fires={
            "10m": (
                Firing(
                    labels={**_WARNING, "loop": "promoter"},
                    summary="The scheduler's promoter is late.",
                    description="1 of 100 jobs that were due came more than 9.91s late.",
                ),
            )
        },
    ),
    Case(
        name="four are wanted of at most four, and all slots are busy",
        alert="JobyardPoolAtMaximum",
        series={
            'jobyard_pool_desired_workers{namespace="shop", pool="blue"}': "4x60",
            'jobyard_pool_max_workers{namespace="shop", pool="blue"}': "4x60",
            'jobyard_pool_busy_slots{namespace="shop", pool="blue"}': "16x20 8x40",
            'jobyard_pool_slots{namespace="shop", pool="blue"}': "16x60",
        },
        quiet=("14m", "22m"),
        fires={
            "15m": (
                Firing(
                    labels={**_WARNING, "pool": "blue"},
                    summary="Pool blue is at its maximum and full.",
                    description="It may have 4 workers, and needs them all or more.",
                ),
            )
        },
    ),
    Case(
        name="three are wanted of at most four",
        alert="JobyardPoolAtMaximum",
        series={
            'jobyard_pool_desired_workers{namespace="shop", pool="blue"}': "3x60",
            'jobyard_pool_max_workers{namespace="shop", pool="blue"}': "4x60",
            'jobyard_pool_busy_slots{namespace="shop", pool="blue"}': "12x60",
            'jobyard_pool_slots{namespace="shop", pool="blue"}': "12x60",
        },
        quiet=("15m", "60m"),
    ),
    Case(
        name="three are wanted, one is there",
        alert="JobyardPoolTooSmall",
        series={
            'jobyard_pool_desired_workers{namespace="shop", pool="blue"}': "3x60",
            'jobyard_pool_workers{namespace="shop", pool="blue", state="busy"}': "1x60",
            'jobyard_pool_workers{namespace="shop", pool="blue", state="idle"}': "0x20 2x40",
        },
        quiet=("14m", "22m"),
        fires={
            "15m": (
                Firing(
                    labels={**_WARNING, "pool": "blue"},
                    summary="Pool blue has fewer workers than it should.",
                    description="3 are wanted, within its limits; the autoscaler does not bring "
                    "them.",
                ),
            )
        },
    ),
    Case(
        name="no scheduler reaches it from minute six on",
        alert="JobyardStoreDown",
        series={
            'jobyard_store_up{namespace="shop", instance="a"}': "1x5 0x20",
            'jobyard_store_up{namespace="shop", instance="b"}': "0x26",
        },
        quiet=("6m",),
        fires={
            "7m": (
                Firing(
                    labels=_CRITICAL,
                    summary="The store does not answer.",
                    description="No scheduler reaches it: nothing is submitted, started or "
                    "settled.",
                ),
            )
        },
    ),
    Case(
        name="90 of 100",
        alert="JobyardStoreMemoryHigh",
        series={
            'jobyard_store_memory_bytes{namespace="shop"}': "90x20 80x20",
            'jobyard_store_memory_limit_bytes{namespace="shop"}': "100x40",
        },
        quiet=("4m", "21m"),
        fires={
            "5m": (
                Firing(
                    labels=_WARNING,
                    summary="The store is 90% full.",
                    description="At 100 % it refuses new jobs.",
                ),
            )
        },
    ),
    Case(
        name="without a limit",
        alert="JobyardStoreMemoryHigh",
        series={
            'jobyard_store_memory_bytes{namespace="shop"}': "90x20",
            'jobyard_store_memory_limit_bytes{namespace="shop"}': "0x20",
        },
        quiet=("5m", "20m"),
    ),
    Case(
        name="five refused in one minute",
        alert="JobyardStoreRefusesWrites",
        series={
            'jobyard_store_rejected_writes_total{namespace="shop", reason="OOM"}': "0x5 5x30",
            'jobyard_store_rejected_writes_total{namespace="shop", reason="READONLY"}': "2x36",
        },
        quiet=("5m", "20m"),
        fires={
            "9m": (
                Firing(
                    labels={**_CRITICAL, "reason": "OOM"},
                    summary="The store refuses writes (OOM).",
                    description="5 in 5 minutes; jobs are not accepted.",
                ),
            )
        },
    ),
    Case(
        name="ten keys of one minute",
        alert="JobyardStoreEvicts",
        series={'jobyard_store_evicted_keys_total{namespace="shop"}': "0x15 10x60"},
        quiet=("16m", "40m"),
        fires={
            "20m": (
                Firing(
                    labels=_CRITICAL,
                    summary="The store throws keys away: jobs are lost.",
                    description="10 keys in 15 minutes. Its maxmemory-policy must be noeviction.",
                ),
            )
        },
    ),
    Case(
        name="2 % are errors: all windows, one after the other",
        alert="JobyardApiErrors",
        series=_requests(0.02),
        quiet=("2m",),
        fires={
            "10m": (
                _burning(
                    "1h",
                    "critical",
                    "2% of the API's answers are errors of ours (5xx).",
                    "Over 1h and over 5m: the month's budget of 0.1% is used 14.4 times as fast as "
                    "allowed.",
                ),
            ),
        },
    ),
    Case(
        name="1 % are errors: the budget lasts three days",
        alert="JobyardApiErrors",
        series=_requests(0.01),
        quiet=("10m",),
        fires={
            "30m": (
                _burning(
                    "6h",
                    "critical",
                    "1% of the API's answers are errors of ours (5xx).",
                    "Over 6h and over 30m: the month's budget of 0.1% is used 6 times as fast as "
                    "allowed.",
                ),
            ),
        },
    ),
    Case(
        name="0.2 % are errors: the budget lasts two weeks",
        alert="JobyardApiErrors",
        series=_requests(0.002),
        step="30m",
        quiet=("30m",),
        fires={
            "5760m": (
                _burning(
                    "3d",
                    "warning",
                    "0.2% of the API's answers are errors of ours (5xx).",
                    "Over 3d and over 6h: the month's budget of 0.1% is used 1 times as fast as "
                    "allowed.",
                ),
            ),
        },
    ),
    Case(
        name="0.05 % are errors",
        alert="JobyardApiErrors",
        series=_requests(0.0005),
        quiet=("10m", "30m", "120m"),
    ),
    Case(
        name="a fifth is slow",
        alert="JobyardSubmissionsSlow",
        series=_submissions(0.2),
        quiet=("2m",),
        fires={
            "10m": (
                _burning(
                    "1h",
                    "critical",
                    "20% of the submissions take longer than 250 ms.",
                    "Over 1h and over 5m: the month's budget of 1.0% is used 14.4 times as fast as "
                    "allowed.",
                ),
            ),
        },
    ),
    Case(
        name="a tenth is slow",
        alert="JobyardSubmissionsSlow",
        series=_submissions(0.1),
        quiet=("10m",),
        fires={
            "30m": (
                _burning(
                    "6h",
                    "critical",
                    "10% of the submissions take longer than 250 ms.",
                    "Over 6h and over 30m: the month's budget of 1.0% is used 6 times as fast as "
                    "allowed.",
                ),
            ),
        },
    ),
    Case(
        name="2 % are slow",
        alert="JobyardSubmissionsSlow",
        series=_submissions(0.02),
        step="30m",
        quiet=("30m",),
        fires={
            "5760m": (
                _burning(
                    "3d",
                    "warning",
                    "2% of the submissions take longer than 250 ms.",
                    "Over 3d and over 6h: the month's budget of 1.0% is used 1 times as fast as "
                    "allowed.",
                ),
            ),
        },
    ),
    Case(
        name="1 of 200 is slow",
        alert="JobyardSubmissionsSlow",
        series=_submissions(0.005),
        quiet=("10m", "30m", "120m"),
    ),
)
