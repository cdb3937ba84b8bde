"""Participants take turns in short slices; a ratio is that of two slices of one round.

So whatever else the machine does meets all of them. Medians are given with their quartiles.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from usage import processor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lab import Lab

_WARM_SECONDS = 1.0


@dataclass
class Participant:
    """Who is measured, for some seconds at a time, and what was found in each slice."""

    name: str
    pid: int
    """The process whose time counts."""
    measure: Callable[[float], float]
    """Submissions a second."""
    rates: list[float] = field(default_factory=list)
    used_us: list[float] = field(default_factory=list)
    """Processor time a submission."""

    def run(self, seconds: float) -> None:
        """Adds a slice."""
        before = processor([self.pid])
        began = time.perf_counter()
        rate = self.measure(seconds)
        taken = time.perf_counter() - began
        used = processor([self.pid]) - before
        self.rates.append(rate)
        self.used_us.append(used.total / (rate * taken) * 1e6)


def alternate(lab: Lab, participants: Sequence[Participant], slices: int, seconds: float) -> None:
    """Fills the slices of all, in an order that turns; the store is emptied before each."""
    for each in participants:
        each.measure(_WARM_SECONDS)
    for number in range(slices):
        first = number % len(participants)
        for each in (*participants[first:], *participants[:first]):
            lab.clear()
            each.run(seconds)


def print_rates(participants: Sequence[Participant]) -> None:
    """The rates, and the first participant's ratios to the others."""
    ours = participants[0]
    print(f"  {'':24}median a second (quartiles), processor time of each")
    for each in participants:
        used = statistics.median(each.used_us)
        print(f"  {each.name:24}{spread(each.rates, 0)}, {used:.0f} µs")
    for other in participants[1:]:
        ratios = [mine / its for mine, its in zip(ours.rates, other.rates, strict=True)]
        print(f"  ratio to {other.name:24}{spread(ratios, 2)}", flush=True)


def spread(values: Sequence[float], digits: int) -> str:
    """The median, and the quartiles in brackets."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
