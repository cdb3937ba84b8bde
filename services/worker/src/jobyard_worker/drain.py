"""When a stopping worker must have done what. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_MARGIN_SECONDS = 5.0
_SHORT_GRACE_SECONDS = 10.0
_LAST_SECONDS = 1.0
_LAST_SHARE = 4
_ASK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Drain:
    """A stop that began at ``since`` (``time.monotonic()``) and is over after ``grace_seconds``.

    At ``let_go_at`` what still runs is given back; the rest of the grace is for telling the store.
    At ``leave_at`` the process leaves, heard or not: the lease sees to what is left.
    """

    since: float
    grace_seconds: float

    @property
    def let_go_at(self) -> float:
        """Until then what runs may finish."""
        if self.grace_seconds <= _SHORT_GRACE_SECONDS:
            return self.since + self.grace_seconds / 2
        return self.since + self.grace_seconds - _MARGIN_SECONDS

    @property
    def leave_at(self) -> float:
        """The last moment at which the process is still here; a short grace leaves some too."""
        last_seconds = min(_LAST_SECONDS, self.grace_seconds / _LAST_SHARE)
        return self.since + self.grace_seconds - last_seconds

    @property
    def cut_off_at(self) -> float:
        """When the process ends without a word, as the store keeps it waiting."""
        return (self.leave_at + self.since + self.grace_seconds) / 2

    def may_run(self, now: float) -> bool:
        """Whether what runs may go on."""
        return now < self.let_go_at

    def may_ask(self, now: float) -> bool:
        """Whether to wait for a store that is away only to hear what a lost claim brought.

        Not for long: whoever gives back what a dead worker held sees to that as well.
        """
        return now < min(self.since + _ASK_SECONDS, self.leave_at)

    def may_stay(self, now: float) -> bool:
        """Whether there is time to try the store again."""
        return now < self.leave_at
