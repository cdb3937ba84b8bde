"""Rates and times as people write them: ``50/s``, ``3000/min``, ``2s``, ``500ms``, ``1.5m``."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|min|m|h|d)")


def seconds_of(text: str) -> float:
    """A time in seconds; a bare number is one already.

    Raises:
        ValueError: It is none, or zero.
    """
    found = _TIME.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2] or "s"] if found else 0.0
    if seconds <= 0:
        raise ValueError(f"{text!r} is no time: write 500ms, 2s, 1.5m or 1h")
    return seconds


def rate_of(text: str) -> float:
    """A rate in jobs a second.

    Raises:
        ValueError: It is none, or zero.
    """
    found = _RATE.fullmatch(text.strip())
    rate = float(found[1]) / _SECONDS[found[2]] if found else 0.0
    if rate <= 0:
        raise ValueError(f"{text!r} is no rate: write 50/s, 3000/min or 100/h")
    return rate
