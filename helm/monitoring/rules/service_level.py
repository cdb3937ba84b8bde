"""Alerts on the API's promise: 99.9 % of the answers below 500, 99 % of submissions in 250 ms.

Over 30 days. An alert needs a long window, so that a moment is no alarm, and a short one, so that
it ends soon after the trouble does. The pairs are those of the Site Reliability Workbook, chapter
"Alerting on SLOs": at 14.4 times the allowed rate two hours use 2/50 of the month's budget.
"""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.rule import Alert, Group, Severity


@dataclass(frozen=True, slots=True)
class _Burn:
    """A budget is used ``times`` as fast as allowed, over both windows."""

    times: float
    long: str
    short: str
    holds: str
    severity: Severity


_BURNS = (
    _Burn(14.4, "1h", "5m", "2m", Severity.CRITICAL),
    _Burn(6, "6h", "30m", "15m", Severity.CRITICAL),
    _Burn(1, "3d", "6h", "1h", Severity.WARNING),
)


@dataclass(frozen=True, slots=True)
class _Promise:
    alert: str
    record: str
    budget: float
    says: str


_PROMISES = (
    _Promise(
        "JobyardApiErrors",
        "jobyard:http_errors:ratio_rate",
        0.001,
        "of the API's answers are errors of ours (5xx)",
    ),
    _Promise(
        "JobyardSubmissionsSlow",
        "jobyard:slow_submissions:ratio_rate",
        0.01,
        "of the submissions take longer than 250 ms",
    ),
)


def _alert(promise: _Promise, burn: _Burn) -> Alert:
    most = f"{burn.times * promise.budget:g}"
    return Alert(
        name=promise.alert,
        expression=(
            f"{promise.record}{burn.long} > {most}\nand\n{promise.record}{burn.short} > {most}"
        ),
        holds=burn.holds,
        window=burn.long,
        severity=burn.severity,
        summary=f"{{{{ $value | humanizePercentage }}}} {promise.says}.",
        description=(
            f"Over {burn.long} and over {burn.short}: the month's budget of "
            f"{promise.budget:.1%} is used {burn.times:g} times as fast as allowed."
        ),
    )


SERVICE_LEVEL = Group(
    "jobyard-api",
    tuple(_alert(promise, burn) for promise in _PROMISES for burn in _BURNS),
)
