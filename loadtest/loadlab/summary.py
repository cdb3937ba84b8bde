"""A run in a few lines of text, for terminals and the logs of pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadlab.findings import SUBMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATES = ("succeeded", "failed", "canceled", "expired", "waiting", "unanswered", "lost")


def lines(findings: dict[str, Any]) -> Iterator[str]:
    """What was sent, how long it took, what became of the jobs, and what broke."""
    load, account = findings["load"], findings["account"]
    yield (
        f"sent      {load['sent']} of {load['asked']:.0f} asked for "
        f"({load['achieved_share']:.1%}), {load['failed']} of {load['requests']} requests failed"
    )
    yield f"driver    late by {_times(load['lateness'])}; {_cost(load)} of a processor a request"
    if SUBMIT in findings["series"]:
        yield f"submit    {_times(findings['series'][SUBMIT]['latency'])}"
    yield f"to end    {_times(account['once'])}"
    states = (f"{account[state]} {state}" for state in _STATES if account[state])
    yield f"jobs      {account['acknowledged']} acknowledged: {', '.join(states)}"
    if account["doubled"] is not None:
        yield f"runs      {account['rescued']} began again, {account['doubled']} ended again"
    yield from (f"BROKEN    {line}" for line in findings["broken"])


def _cost(load: dict[str, Any]) -> str:
    return _time(1_000 * load["driver_seconds"] / load["requests"] if load["requests"] else None)


def _times(quantiles: dict[str, float | None]) -> str:
    found = ((name, quantiles[name]) for name in ("p50", "p99", "max"))
    return ", ".join(f"{name} {_time(value)}" for name, value in found)


def _time(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds / 1_000:.2f} s" if milliseconds >= 1_000 else f"{milliseconds:.3g} ms"
