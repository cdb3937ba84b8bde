"""When requests are due, whatever became of the ones before: the timer of an open loop."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator


class Spacing(StrEnum):
    """How the arrivals of one user are spread over time."""

    JITTERED = "jittered"
    """One at a random moment of each period: many users together look random, yet few are missing
    from or added to what was asked."""
    POISSON = "poisson"
    """Exponential gaps: each second has another number of arrivals."""


def due_times(rate: float, spacing: Spacing, draw: random.Random) -> Iterator[float]:
    """Endless seconds from the start at which a request is due; ``rate`` a second on average."""
    if spacing is Spacing.POISSON:
        return _poisson(rate, draw)
    return _jittered(rate, draw)


def _poisson(rate: float, draw: random.Random) -> Iterator[float]:
    second = 0.0
    while True:
        second += draw.expovariate(rate)
        yield second


def _jittered(rate: float, draw: random.Random) -> Iterator[float]:
    period = 0
    while True:
        yield (period + draw.random()) / rate
        period += 1
