"""What comes: when each job arrives and how long it runs. All times in seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    Rate = Callable[[float], float]
    """Arrivals a second at a moment."""
    Draw = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Workload:
    """Jobs by their arrival; the nth runs for the nth of ``durations``."""

    name: str
    arrivals: Sequence[float]
    durations: Sequence[float]
    seconds: float
    """How long it goes on; the last job may come earlier."""

    def __post_init__(self) -> None:
        if len(self.arrivals) != len(self.durations):
            raise ValueError("as many arrivals as durations")

    @property
    def mean_job_seconds(self) -> float:
        """0 where there is no job."""
        return sum(self.durations) / len(self.durations) if self.durations else 0.0


def generated(
    name: str, rate: Rate, draw: Draw, rng: random.Random, *, most: float, seconds: float
) -> Workload:
    """Arrivals of a Poisson process whose rate changes, never above ``most`` (by thinning)."""
    arrivals = []
    now = rng.expovariate(most)
    while now < seconds:
        if rng.random() * most < rate(now):
            arrivals.append(now)
        now += rng.expovariate(most)
    return Workload(name, arrivals, [draw() for _ in arrivals], seconds)


def steady(rate: float) -> Rate:
    """The same all the time."""
    return lambda _: rate


def bursts(rate: float, peak: float, *, every_seconds: float, burst_seconds: float) -> Rate:
    """``rate`` on average: ``peak`` times as much for a while, little in between."""
    share = burst_seconds / every_seconds
    low = max(0.0, rate * (1 - share * peak) / (1 - share))
    return lambda now: rate * peak if now % every_seconds < burst_seconds else low


def day(rate: float, peak: float, *, seconds: float) -> Rate:
    """A sine whose top is ``peak`` times the average (at most twice), once in ``seconds``."""
    height = min(peak, 2.0) - 1.0
    return lambda now: rate * (1 - height * math.cos(2 * math.pi * now / seconds))


def fixed(mean: float) -> Draw:
    """Each job runs as long as every other."""
    return lambda: mean


def exponential(mean: float, rng: random.Random) -> Draw:
    """Many short jobs and some long ones."""
    return lambda: rng.expovariate(1 / mean)


def log_normal(mean: float, rng: random.Random, sigma: float = 1.0) -> Draw:
    """A few jobs that are very long: the 99th percentile is six times the mean (sigma 1)."""
    mu = math.log(mean) - sigma * sigma / 2
    return lambda: rng.lognormvariate(mu, sigma)
