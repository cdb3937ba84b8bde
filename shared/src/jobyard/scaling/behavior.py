"""How quickly an HPA may scale: Kubernetes' ``behavior``, with the same words and meaning."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

MOST_WINDOW_SECONDS = 3600
"""Kubernetes takes no longer stabilisation window."""


class Select(StrEnum):
    """Which of several policies counts: the one that changes most, least, or none at all."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Policy:
    """At most so much change within a period: ``value`` pods, or percent of the pods."""

    type: str
    value: int
    period_seconds: float

    def __post_init__(self) -> None:
        if self.type not in {"Pods", "Percent"}:
            raise ValueError(f"policy type {self.type!r}: use Pods or Percent")

    def raised(self, replicas: int) -> int:
        """The most replicas that it allows from ``replicas`` at the start of its period."""
        if self.type == "Pods":
            return replicas + self.value
        return math.ceil(replicas * (1 + self.value / 100))

    def lowered(self, replicas: int) -> int:
        """The fewest; Kubernetes cuts the fraction off, so a quarter of three leaves two."""
        if self.type == "Pods":
            return replicas - self.value
        return int(replicas * (1 - self.value / 100))


@dataclass(frozen=True, slots=True)
class Rules:
    """Of one direction. Within the window the most cautious recommendation counts."""

    window_seconds: float
    policies: tuple[Policy, ...]
    select: Select = Select.MAX

    def __post_init__(self) -> None:
        if not 0 <= self.window_seconds <= MOST_WINDOW_SECONDS:
            raise ValueError(f"window {self.window_seconds} s: use 0 to {MOST_WINDOW_SECONDS}")

    @property
    def longest_period_seconds(self) -> float:
        """For how long past changes matter."""
        return max((policy.period_seconds for policy in self.policies), default=0.0)


def _up() -> Rules:
    return Rules(0, (Policy("Percent", 100, 15), Policy("Pods", 4, 15)))


def _down() -> Rules:
    return Rules(120, (Policy("Percent", 25, 30), Policy("Pods", 1, 30)))


@dataclass(frozen=True, slots=True)
class Behavior:
    """Both directions. As the chart has them: up at once, down slowly."""

    up: Rules = field(default_factory=_up)
    down: Rules = field(default_factory=_down)
