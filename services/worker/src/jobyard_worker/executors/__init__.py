"""Where jobs run. One executor a worker process, behind the small interface here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobyard.store.records.delivery import Settlement
    from jobyard_worker.delivery import Delivery

__all__ = ["Executor"]


class Executor(Protocol):
    """Uniform slots: any free one takes any job. Only the main loop calls it."""

    @property
    def unfinished(self) -> int:
        """Deliveries submitted and neither collected nor withdrawn."""
        ...

    @property
    def unstarted(self) -> int:
        """Deliveries that no slot has taken yet."""
        ...

    @property
    def waiting_since(self) -> float | None:
        """When the first of those was claimed (``time.monotonic``); None when there is none."""
        ...

    def start(self) -> None:
        """Makes the slots ready."""
        ...

    def submit(self, deliveries: Iterable[Delivery]) -> None:
        """Hands deliveries to the slots; those of an earlier queue go first."""
        ...

    def collect(self) -> list[tuple[Delivery, Settlement]]:
        """What ended since the last call."""
        ...

    def withdraw(self) -> list[Delivery]:
        """Takes back what no slot has taken yet, in the order of their claims."""
        ...
