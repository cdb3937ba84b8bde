"""Shapes of load: how many arrivals a second are asked for at each moment of a run."""

from __future__ import annotations

import bisect
import csv
import itertools
import math
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, model_validator

if TYPE_CHECKING:
    from pathlib import Path


class _Shape(BaseModel):
    """Moments are seconds from the start of the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Steady(_Shape):
    """One rate all the time; a soak is a long one."""

    kind: Literal["steady"] = "steady"
    rate: PositiveFloat

    def rate_at(self, second: float) -> float:
        """Arrivals a second."""
        del second
        return self.rate


class Steps(_Shape):
    """Grows from ``first`` by ``step`` every ``step_seconds``: up to where it breaks."""

    kind: Literal["steps"] = "steps"
    first: PositiveFloat
    step: PositiveFloat
    step_seconds: PositiveFloat

    def rate_at(self, second: float) -> float:
        """Arrivals a second."""
        return self.first + self.step * math.floor(max(0.0, second) / self.step_seconds)


class Spike(_Shape):
    """``rate``, but ``peak`` for ``peak_seconds`` from ``at_second`` on; 0 as rate is a burst."""

    kind: Literal["spike"] = "spike"
    rate: NonNegativeFloat
    peak: PositiveFloat
    at_second: NonNegativeFloat
    peak_seconds: PositiveFloat

    def rate_at(self, second: float) -> float:
        """Arrivals a second."""
        is_peak = self.at_second <= second < self.at_second + self.peak_seconds
        return self.peak if is_peak else self.rate


class Day(_Shape):
    """A sine from ``low`` (at the start) to ``high`` and back within ``day_seconds``."""

    kind: Literal["day"] = "day"
    low: NonNegativeFloat
    high: PositiveFloat
    day_seconds: PositiveFloat

    def rate_at(self, second: float) -> float:
        """Arrivals a second."""
        swing = (1 - math.cos(2 * math.pi * second / self.day_seconds)) / 2
        return self.low + (self.high - self.low) * swing


class Trace(_Shape):
    """A recorded load: from each second on its rate holds until the next one."""

    kind: Literal["trace"] = "trace"
    points: tuple[tuple[NonNegativeFloat, NonNegativeFloat], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if any(a[0] >= b[0] for a, b in itertools.pairwise(self.points)):
            raise ValueError("the seconds of a trace must ascend")
        return self

    def rate_at(self, second: float) -> float:
        """Arrivals a second; 0 before the first point."""
        place = bisect.bisect_right(self.points, second, key=lambda point: point[0]) - 1
        return self.points[place][1] if place >= 0 else 0.0


Shape: TypeAlias = Annotated[Steady | Steps | Spike | Day | Trace, Field(discriminator="kind")]


def read_points(path: Path, factor: float = 1.0) -> list[tuple[float, float]]:
    """The points of a trace from a CSV file with the columns ``second`` and ``rate``.

    Raises:
        ValueError: A number cannot be read.
        KeyError: A column is missing.
    """
    with path.open(newline="") as file:
        return [(float(row["second"]), factor * float(row["rate"])) for row in csv.DictReader(file)]
