"""Whether a run held what it promised: a line for each threshold that broke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadlab.findings import SUBMIT

if TYPE_CHECKING:
    from loadlab.scenario import Thresholds


def broken(findings: dict[str, Any], thresholds: Thresholds) -> list[str]:
    """What broke, in words; empty for a good run."""
    account, load = findings["account"], findings["load"]
    checks = [
        ("lost jobs", account["lost"], 0),
        ("jobs that had not ended", account["waiting"] + account["unanswered"], 0),
        ("jobs that ended twice", account["doubled"], thresholds.doubled),
        ("p99 of a submission (ms)", _submit_p99(findings), thresholds.submit_p99_ms),
        ("p99 end to end (ms)", account["once"]["p99"], thresholds.end_to_end_p99_ms),
        ("share of errors", _error_share(load), thresholds.error_share),
    ]
    checks += [
        (f"growth of the memory of {each['name']}", each["share"], thresholds.memory_growth_share)
        for each in findings["memory"]
    ]
    lines = [
        f"{name}: {_short(value)}, at most {_short(most)}"
        for name, value, most in checks
        if value is not None and most is not None and value > most
    ]
    return lines + _other_than_asked(load, thresholds)


def _other_than_asked(load: dict[str, Any], thresholds: Thresholds) -> list[str]:
    """A share that is missing breaks a run, and as great a one that is too much."""
    share, least = load["achieved_share"], thresholds.achieved_share
    if least <= share <= 2 - least:
        return []
    return [f"requests sent of those asked for: {share:.1%}, {least:.1%} to {2 - least:.1%}"]


def _submit_p99(findings: dict[str, Any]) -> float | None:
    series = findings["series"].get(SUBMIT)
    return series["latency"]["p99"] if series else None


def _error_share(load: dict[str, Any]) -> float:
    return load["failed"] / load["requests"] if load["requests"] else 0.0


def _short(value: float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
