"""The terms of scaling one pool: how often is looked, how far and how quickly it may change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from jobyard.scaling.behavior import Behavior, Policy, Rules
from jobyard.scaling.hpa import TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """As the chart gives them to KEDA and, through it, to the HPA. Times in seconds.

    Attributes:
        minimum: Workers that are there when there is nothing to do.
        maximum: Workers that are never exceeded.
        polling_seconds: Between two looks of KEDA, which wakes the pool and lets it sleep.
        sync_seconds: Between two rounds of the HPA, which does everything else.
        cooldown_seconds: Without work before a pool goes to zero.
        tolerance: Part of the target within which the HPA does nothing.
        behavior: Windows and policies of the HPA.
        fallback_failures: Failed looks in a row after which ``fallback_replicas`` counts.
        fallback_replicas: Workers that there are at least while the store cannot be read.
    """

    minimum: int = 0
    maximum: int = 10
    polling_seconds: float = 5.0
    sync_seconds: float = 15.0
    cooldown_seconds: float = 120.0
    tolerance: float = TOLERANCE
    behavior: Behavior = field(default_factory=Behavior)
    fallback_failures: int = 3
    fallback_replicas: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= max(1, self.maximum) or self.maximum < 1:
            raise ValueError(
                f"minimum {self.minimum} and maximum {self.maximum}: "
                "use 0 ≤ minimum ≤ maximum, and a maximum of at least 1"
            )

    def quicker(self, factor: float) -> Terms:
        """The same with all times divided by ``factor``: a day in the life of a pool, on a lap."""
        return replace(
            self,
            polling_seconds=self.polling_seconds / factor,
            sync_seconds=self.sync_seconds / factor,
            cooldown_seconds=self.cooldown_seconds / factor,
            behavior=Behavior(
                _quicker(self.behavior.up, factor), _quicker(self.behavior.down, factor)
            ),
        )


def _quicker(rules: Rules, factor: float) -> Rules:
    policies = (
        Policy(policy.type, policy.value, policy.period_seconds / factor)
        for policy in rules.policies
    )
    return replace(rules, window_seconds=rules.window_seconds / factor, policies=tuple(policies))
