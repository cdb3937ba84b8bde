"""The algorithm of Kubernetes' HorizontalPodAutoscaler for one metric of type AverageValue.

After ``pkg/controller/podautoscaler`` (1.34): ``GetExternalPerPodMetricReplicas``,
``stabilizeRecommendationWithBehaviors`` and ``convertDesiredReplicasWithBehaviorRate``.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from jobyard.scaling.behavior import Behavior, Select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobyard.scaling.behavior import Rules

TOLERANCE = 0.1
"""A metric within a tenth of its target changes nothing."""

_MILLI = 1000
"""Metrics travel as whole thousandths, cut off."""


class HorizontalAutoscaler:
    """One HPA. ``minimum`` is at least 1: only KEDA goes to zero."""

    def __init__(
        self,
        minimum: int,
        maximum: int,
        behavior: Behavior | None = None,
        tolerance: float = TOLERANCE,
    ) -> None:
        if not 1 <= minimum <= maximum:
            raise ValueError(f"minimum {minimum} and maximum {maximum}: use 1 ≤ minimum ≤ maximum")
        self._minimum = minimum
        self._maximum = maximum
        self._behavior = behavior or Behavior()
        self._tolerance = tolerance
        self._recommended: deque[tuple[float, int]] = deque()
        self._raised: deque[tuple[float, int]] = deque()
        self._lowered: deque[tuple[float, int]] = deque()

    def sync(self, now: float, replicas: int, total: float, target: float = 1.0) -> int:
        """One round: how many replicas there shall be.

        Args:
            now: In seconds, of any clock that only goes on.
            replicas: How many there are; at zero it does nothing.
            total: The metric, of all replicas together.
            target: What one replica is to have of it.
        """
        if replicas == 0:
            return 0
        wanted = self._within_limits(now, replicas, total, target)
        if wanted != replicas:
            self._note_change(now, wanted - replicas)
        return wanted

    def _within_limits(self, now: float, replicas: int, total: float, target: float) -> int:
        if replicas > self._maximum:
            return self._maximum
        if replicas < self._minimum:
            return self._minimum
        wanted = average_value_replicas(replicas, total, target, self._tolerance)
        return self._paced(now, replicas, self._stabilized(now, replicas, wanted))

    def _stabilized(self, now: float, replicas: int, wanted: int) -> int:
        up, down = self._behavior.up.window_seconds, self._behavior.down.window_seconds
        lowest = min([wanted, *_since(self._recommended, now - up)])
        highest = max([wanted, *_since(self._recommended, now - down)])
        self._recommended.append((now, wanted))
        _forget(self._recommended, now - max(up, down))
        return min(max(replicas, lowest), highest)

    def _paced(self, now: float, replicas: int, wanted: int) -> int:
        if wanted > replicas:
            return min(wanted, self._maximum, max(self._ceiling(now, replicas), replicas))
        if wanted < replicas:
            return max(wanted, self._minimum, min(self._floor(now, replicas), replicas))
        return wanted

    def _ceiling(self, now: float, replicas: int) -> int:
        rules = self._behavior.up
        if rules.select is Select.DISABLED:
            return replicas
        most = min if rules.select is Select.MIN else max
        return _chosen(
            most,
            (
                policy.raised(self._at_start(now - policy.period_seconds, replicas))
                for policy in rules.policies
            ),
            replicas,
        )

    def _floor(self, now: float, replicas: int) -> int:
        rules = self._behavior.down
        if rules.select is Select.DISABLED:
            return replicas
        most = max if rules.select is Select.MIN else min
        return _chosen(
            most,
            (
                policy.lowered(self._at_start(now - policy.period_seconds, replicas))
                for policy in rules.policies
            ),
            replicas,
        )

    def _at_start(self, began: float, replicas: int) -> int:
        """The replicas at the start of a period: without what was changed within it."""
        return replicas - sum(_since(self._raised, began)) + sum(_since(self._lowered, began))

    def _note_change(self, now: float, difference: int) -> None:
        changes = self._raised if difference > 0 else self._lowered
        changes.append((now, abs(difference)))
        oldest = now - _longest_period(self._behavior.up, self._behavior.down)
        _forget(self._raised, oldest)
        _forget(self._lowered, oldest)


def average_value_replicas(
    replicas: int, total: float, target: float, tolerance: float = TOLERANCE
) -> int:
    """``AverageValue`` arithmetic: the total over the target, rounded up, unless it is near."""
    usage, wanted = int(total * _MILLI), int(target * _MILLI)
    ratio = usage / (wanted * replicas)
    if 1 - tolerance <= ratio <= 1 + tolerance:
        return replicas
    return math.ceil(usage / wanted)


def _since(events: Iterable[tuple[float, int]], moment: float) -> list[int]:
    return [value for at, value in events if at > moment]


def _forget(events: deque[tuple[float, int]], until: float) -> None:
    while events and events[0][0] <= until:
        events.popleft()


def _chosen(select: Callable[..., int], proposals: Iterable[int], otherwise: int) -> int:
    values = list(proposals)
    return select(values) if values else otherwise


def _longest_period(*rules: Rules) -> float:
    return max(each.longest_period_seconds for each in rules)
