"""When requests are due, whatever became of the ones before: the timer of an open loop."""

from __future__ import annotations

import bisect
import itertools
import math
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from loadlab.shapes import Shape

_STEPS_A_SECOND = 10


class Spacing(StrEnum):
    """How the arrivals of one user are spread over time."""

    JITTERED = "jittered"
    """One at a random moment of each period: many users together look random, yet none is missing
    from or added to what was asked."""
    POISSON = "poisson"
    """Exponential gaps: each second has another number of arrivals."""


def counts(spacing: Spacing, draw: random.Random) -> Iterator[float]:
    """Endless ascending numbers, one for each whole number on average: a user's arrivals."""
    return _poisson(draw) if spacing is Spacing.POISSON else _jittered(draw)


def _poisson(draw: random.Random) -> Iterator[float]:
    count = 0.0
    while True:
        count += draw.expovariate(1.0)
        yield count


def _jittered(draw: random.Random) -> Iterator[float]:
    for period in itertools.count():
        yield period + draw.random()


class Timetable:
    """When a shape's n-th arrival is due: its rates, summed up in tenths of a second."""

    def __init__(self, shape: Shape, seconds: float) -> None:
        steps = math.ceil(seconds * _STEPS_A_SECOND)
        middles = ((step + 0.5) / _STEPS_A_SECOND for step in range(steps))
        rates = (shape.rate_at(middle) / _STEPS_A_SECOND for middle in middles)
        self._upto = [0.0, *itertools.accumulate(rates)]

    @property
    def total(self) -> float:
        """How many arrivals there are in all."""
        return self._upto[-1]

    def moment(self, arrival: float) -> float | None:
        """Seconds from the start; None when the shape does not have so many arrivals."""
        if arrival >= self.total:
            return None
        step = bisect.bisect_right(self._upto, arrival) - 1
        part = (arrival - self._upto[step]) / (self._upto[step + 1] - self._upto[step])
        return (step + part) / _STEPS_A_SECOND
