"""The ways in which a job can end, and what a worker is put through to bring each about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rq import Retry

from jobyard.retry import RetryPolicy
from jobyard.states import State


@dataclass(frozen=True, slots=True)
class Outcome:
    """Some jobs of one task that all end alike. Times in seconds."""

    name: str
    task: str
    ends: State
    """The only state in which each of its jobs may end."""
    jobs: int = 3
    payload: dict[str, Any] = field(default_factory=dict)
    submission: dict[str, Any] = field(default_factory=dict)
    """Further fields of each submission."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Further settings of the worker that is killed."""
    is_canceled: bool = False
    """Each job is canceled while it runs."""
    is_drained: bool = False
    """The worker is sent SIGTERM while jobs run."""
    points_from: str = "claim"
    """The script from whose first run on the worker is killed; '' for its first command on."""
    rq: dict[str, Any] | None = None
    """Enqueued by RQ's own code with these options; ``task`` is the path of a function."""
    has_dependents: bool = False
    """Each of its jobs has one more that depends on it."""
    expires_seconds: float | None = None
    """From its submission a job is pointless after so long."""
    follow_ups: int = 0
    """Jobs that each of its jobs enqueues and that exist only if that one succeeds."""


_RETRY = RetryPolicy.fixed(0.05, 0.05, 0.05).to_json()

OUTCOMES = {
    outcome.name: outcome
    for outcome in (
        Outcome("success", "chaos_noop", State.SUCCEEDED, jobs=6, points_from=""),
        Outcome("progress", "chaos_report", State.SUCCEEDED),
        Outcome("coroutine", "chaos_await", State.SUCCEEDED),
        Outcome("failure", "chaos_fail", State.FAILED),
        Outcome("retry", "chaos_flaky", State.SUCCEEDED, submission={"retry": _RETRY}),
        Outcome("cancel", "chaos_wait", State.CANCELED, is_canceled=True),
        Outcome("timeout", "chaos_wait", State.FAILED, submission={"timeout_seconds": 1}),
        Outcome(
            "release",
            "chaos_sleep",
            State.SUCCEEDED,
            payload={"seconds": 1.5},
            settings={"JOBYARD_GRACE_SECONDS": 1},
            is_drained=True,
        ),
        Outcome("isolated", "chaos_isolated", State.SUCCEEDED, jobs=2),
        Outcome(
            "isolated timeout",
            "chaos_isolated_wait",
            State.FAILED,
            jobs=2,
            submission={"timeout_seconds": 1},
        ),
        Outcome("isolated cancel", "chaos_isolated_wait", State.CANCELED, jobs=2, is_canceled=True),
        Outcome("follow-ups", "chaos_follow", State.SUCCEEDED, follow_ups=2),
        Outcome("expired", "chaos_noop", State.EXPIRED, expires_seconds=0.05),
        Outcome("crash", "chaos_crash", State.FAILED, jobs=2),
        Outcome("rq success", "chaos.functions.succeed", State.SUCCEEDED, jobs=2, rq={}),
        Outcome("rq failure", "chaos.functions.fail", State.FAILED, jobs=2, rq={}),
        Outcome(
            "rq retry",
            "chaos.functions.fail_once",
            State.SUCCEEDED,
            jobs=2,
            rq={"retry": Retry(max=3, interval=1)},
        ),
        Outcome(
            "rq dependents",
            "chaos.functions.succeed",
            State.SUCCEEDED,
            jobs=2,
            rq={},
            has_dependents=True,
        ),
        Outcome("long", "chaos_sleep", State.SUCCEEDED, payload={"seconds": 1.2}),
    )
}
