"""Gives jobs back to the head of their queues, until the store has heard of each."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING

from jobyard.errors import StoreDataError
from jobyard.observability.logging import get_logger
from jobyard.store import calls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobyard_worker.delivery import Delivery
    from jobyard_worker.link import Link

_log = get_logger(__name__)


class Releaser:
    """Keeps deliveries to be given back; the order of their claims is kept in the queues.

    The store counts how often a job was given back while it ran, so each call is of one kind.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: list[Delivery] = []

    def __len__(self) -> int:
        """Deliveries that the store has not taken back."""
        return len(self._waiting)

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Takes deliveries in, in the order of their claims."""
        self._waiting.extend(deliveries)

    def forget(self) -> None:
        """The lease is lost: they were given back by others."""
        self._waiting.clear()

    def flush(self, worker: str) -> None:
        """Gives all of them back, the last first, as each call puts its own at the head.

        Raises:
            StoreUnavailableError: The store is away; they wait for the next try.
        """
        while self._waiting:
            batch = self._last_batch()
            keys, started = [delivery.key for delivery in batch], batch[0].is_started
            try:
                self._link.run(calls.release(worker, keys, started=started))
            except StoreDataError as error:
                _log.error("jobs.unreleased", reason=str(error), jobs=len(batch))
            else:
                _log.info("jobs.released", worker=worker, jobs=len(batch))
            del self._waiting[-len(batch) :]

    def _last_batch(self) -> list[Delivery]:
        started = self._waiting[-1].is_started
        alike = takewhile(lambda it: it.is_started == started, reversed(self._waiting))
        return list(islice(alike, calls.BATCH))[::-1]
