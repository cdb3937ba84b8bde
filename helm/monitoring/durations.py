"""Durations in rules. A test that cannot wait for hours takes all of them shorter by one factor."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_WRITTEN = re.compile(r"(?P<range>(?:\[|offset )?)\b(?P<number>\d+)(?P<unit>[smhd])\b")


def seconds_of(duration: str) -> float:
    """``5m`` → 300."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def scaled(duration: str, factor: float) -> str:
    """A duration of Prometheus, as it is written for 1, in milliseconds for all else."""
    return duration if factor == 1 else f"{max(1, round(seconds_of(duration) * factor * 1000))}ms"


def rendered(expression: str, factor: float) -> str:
    """PromQL of an expression in which a bare duration stands for its number of seconds.

    ``time() - x > 60s`` becomes ``time() - x > 60``; ranges and offsets stay durations.
    """
    return _WRITTEN.sub(lambda found: _rendered(found, factor), expression)


def _rendered(found: re.Match[str], factor: float) -> str:
    duration = found["number"] + found["unit"]
    if found["range"]:
        return found["range"] + scaled(duration, factor)
    return f"{seconds_of(duration) * factor:g}"
