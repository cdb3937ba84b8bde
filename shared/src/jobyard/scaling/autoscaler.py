"""KEDA and the HPA together, as they scale one pool: what to look at when, and what follows. Pure.

Whoever runs it calls ``look`` when ``next_look_at`` has come, and does what it says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobyard.scaling.hpa import HorizontalAutoscaler
from jobyard.scaling.keda import Activation, Fallback

if TYPE_CHECKING:
    from jobyard.scaling.terms import Terms


@dataclass(frozen=True, slots=True)
class Look:
    """What came of one look: how many workers there shall be, and who says so."""

    replicas: int
    by: str


class Autoscaler:
    """Scales one pool. KEDA polls, and where there are workers the HPA syncs."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._hpa = HorizontalAutoscaler(
            max(1, terms.minimum), terms.maximum, terms.behavior, terms.tolerance
        )
        self._activation = Activation(terms.minimum, terms.cooldown_seconds)
        self._fallback = Fallback(terms.fallback_failures, terms.fallback_replicas)
        self._poll_at = self._sync_at = -math.inf

    @property
    def next_look_at(self) -> float:
        """When there is something to do again, on the clock of ``look``."""
        return min(self._poll_at, self._sync_at)

    def look(self, now: float, replicas: int, signal: float | None) -> Look:
        """Polls and syncs as far as due.

        Args:
            now: In seconds, of any clock that only goes on.
            replicas: Workers that there are, without those that are leaving.
            signal: Workers that the load asks for; None where it cannot be known.
        """
        look = Look(replicas, "nobody")
        if now >= self._poll_at:
            self._poll_at = now + self._terms.polling_seconds
            look = self._poll(now, look, signal)
        if now >= self._sync_at:
            self._sync_at = now + self._terms.sync_seconds
            look = self._sync(now, look, signal)
        return look

    def _poll(self, now: float, look: Look, signal: float | None) -> Look:
        if signal is None:
            return look
        return _changed(look, self._activation.poll(now, look.replicas, signal), "keda")

    def _sync(self, now: float, look: Look, signal: float | None) -> Look:
        if signal is None:
            signal = self._fallback.failed(look.replicas)
        else:
            self._fallback.succeeded()
        if signal is None:
            return look
        return _changed(look, self._hpa.sync(now, look.replicas, signal), "hpa")


def _changed(look: Look, replicas: int, by: str) -> Look:
    return look if replicas == look.replicas else Look(replicas, by)
