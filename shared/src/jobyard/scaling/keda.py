"""What KEDA adds to the HPA: it wakes a pool from zero and lets it sleep again. Pure.

After KEDA 2.21, ``pkg/scaling/executor/scale_scaledobjects.go``.
"""

from __future__ import annotations


class Activation:
    """The way between zero and one; with a minimum above zero there is nothing to do."""

    def __init__(self, minimum: int, cooldown_seconds: float, threshold: float = 0.0) -> None:
        """``threshold``: a signal that is strictly greater counts as work."""
        self._minimum = minimum
        self._cooldown_seconds = cooldown_seconds
        self._threshold = threshold
        self._active_at: float | None = None

    def poll(self, now: float, replicas: int, signal: float) -> int:
        """One poll: how many replicas there shall be; ``replicas`` where that is the HPA's affair.

        A pool that sleeps wakes to its minimum, or to one. One that has had nothing to do for the
        whole cooldown goes to zero from any number, at once.
        """
        if signal > self._threshold:
            self._active_at = now
            return replicas or max(1, self._minimum)
        if replicas < self._minimum:
            return self._minimum
        if replicas and not self._minimum and self._is_cold(now):
            return 0
        return replicas

    def _is_cold(self, now: float) -> bool:
        return self._active_at is None or now - self._active_at > self._cooldown_seconds


class Fallback:
    """What the HPA is told while the signal cannot be read: ``currentReplicasIfHigher``."""

    def __init__(self, after_failures: int, replicas: int) -> None:
        """After so many failures in a row at least ``replicas``; before, the HPA does nothing."""
        self._after_failures = after_failures
        self._replicas = replicas
        self._failures = 0

    def succeeded(self) -> None:
        """The signal was read."""
        self._failures = 0

    def failed(self, replicas: int) -> int | None:
        """How many replicas count as needed; None as long as nobody knows."""
        self._failures += 1
        if self._failures < self._after_failures:
            return None
        return max(replicas, self._replicas)
