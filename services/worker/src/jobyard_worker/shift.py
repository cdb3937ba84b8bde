"""How long a worker works when it is not told to stop. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shift:
    """When a worker leaves by itself; a service never does."""

    burst: bool = False
    """As soon as nothing runs and the queues are empty."""
    max_jobs: int | None = None
    """After that many jobs."""
    max_idle_seconds: float | None = None
    """After that long without a job."""

    @property
    def minds_idleness(self) -> bool:
        """Whether it ever leaves because there is nothing to do."""
        return self.burst or self.max_idle_seconds is not None

    def room(self, finished: int, in_hand: int) -> int | None:
        """How many more jobs may be claimed; None where nothing limits them."""
        return None if self.max_jobs is None else max(0, self.max_jobs - finished - in_hand)

    def is_done(self, finished: int) -> bool:
        """Whether its jobs are done."""
        return self.max_jobs is not None and finished >= self.max_jobs

    def is_idle_too_long(self, idle_seconds: float) -> bool:
        """Whether it has waited for jobs long enough."""
        if self.burst:
            return True
        return self.max_idle_seconds is not None and idle_seconds >= self.max_idle_seconds
