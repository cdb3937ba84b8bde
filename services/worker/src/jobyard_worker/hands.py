"""Everything that the worker has in its hands: claimed, and neither settled nor given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard_worker.cap import capped
from jobyard_worker.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobyard.store.records.delivery import Claimed


class Hands:
    """Deliveries by token, in the order of their claims."""

    def __init__(self, max_job_seconds: float = 0.0) -> None:
        """No job may run for longer than ``max_job_seconds``; 0 for any time."""
        self._max_job_seconds = max_job_seconds
        self._by_token: dict[str, Delivery] = {}

    def __len__(self) -> int:
        """How many."""
        return len(self._by_token)

    def tokens(self) -> set[str]:
        """Of all of them."""
        return set(self._by_token)

    def take(self, jobs: Iterable[Claimed]) -> list[Delivery]:
        """Takes claimed jobs that are not in hand yet: a repeated claim brings them again."""
        new = [Delivery(self._within_limit(job)) for job in jobs if job.token not in self._by_token]
        self._by_token.update((delivery.job.token, delivery) for delivery in new)
        return new

    def overdue(self, moment: float) -> int:
        """How many of those that run should have ended by then. For other threads, too."""
        return sum(delivery.is_overdue(moment) for delivery in list(self._by_token.values()))

    def oldest_since(self) -> float | None:
        """When the oldest came here (``time.monotonic``), None for none. For other threads, too."""
        return min((delivery.taken_at for delivery in list(self._by_token.values())), default=None)

    def drop(self, deliveries: Iterable[Delivery]) -> None:
        """They ended, or were given back."""
        for delivery in deliveries:
            self._by_token.pop(delivery.job.token, None)

    def cancel(self, tokens: Sequence[str]) -> None:
        """Their jobs were asked to cancel; tokens that are not here any more say nothing."""
        for token in tokens:
            delivery = self._by_token.get(token)
            if delivery is not None and not delivery.is_canceled:
                delivery.cancel()

    def orphan(self) -> list[Delivery]:
        """The lease over them is lost, or given up: returns them all, in order, and lets go."""
        deliveries = list(self._by_token.values())
        self._by_token.clear()
        for delivery in deliveries:
            delivery.lose()
        return deliveries

    def _within_limit(self, job: Claimed) -> Claimed:
        return capped(job, self._max_job_seconds) if self._max_job_seconds else job
