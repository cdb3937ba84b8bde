"""What a simulated, or a real, run came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(slots=True)
class Outcome:
    """Filled while it runs.

    Attributes:
        waits: Seconds from each job's arrival to its first start.
        worker_seconds: Of all workers, from their start to their end.
        stopped_busy: Workers that were told to leave while they had jobs.
        killed: Of those, the ones whose jobs did not end within the grace: they ran again.
        changes: How often the number of wanted workers changed.
        most: Most workers at once.
        history: Moment, workers and waiting jobs, at each look.
    """

    waits: list[float] = field(default_factory=list)
    worker_seconds: float = 0.0
    stopped_busy: int = 0
    killed: int = 0
    changes: int = 0
    most: int = 0
    history: list[tuple[float, int, int]] = field(default_factory=list)

    @property
    def pod_minutes(self) -> float:
        """What the workers cost."""
        return self.worker_seconds / 60

    def wait(self, share: float) -> float:
        """Within which ``share`` of the jobs started, in seconds; 0 where there was none."""
        return percentile(sorted(self.waits), share)


def percentile(ascending: Sequence[float], share: float) -> float:
    """The nearest rank; 0 of nothing."""
    if not ascending:
        return 0.0
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]
