"""What one step of the keepers and schedulers did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reaped:
    """What one reaping did. ``more``: the limit was reached, call again."""

    rescued: int
    quarantined: int
    workers: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What ended jobs of one queue take, and how many were forgotten to keep to its budget.

    ``more``: the limit was reached while it is still above its budget, call again.
    """

    retained_bytes: int
    succeeded: int = 0
    canceled: int = 0
    failed: int = 0
    more: bool = False

    @property
    def forgotten(self) -> int:
        """Jobs of all kinds."""
        return self.succeeded + self.canceled + self.failed


@dataclass(frozen=True, slots=True)
class Promoted:
    """What one promotion did.

    Attributes:
        promoted: How many jobs.
        next_due_seconds: From now; None when nothing is scheduled.
        late_seconds: How long the longest overdue of them had been due.
    """

    promoted: int
    next_due_seconds: float | None
    late_seconds: float = 0.0
