"""Whether a client reads what it is sent, judged by how much of it waits in this process. Pure."""

from __future__ import annotations

CHECKPOINT_BYTES = 65_536
"""A client that takes so much within the time is slow, not gone."""


class Reader:
    """Looks at the unsent bytes of one connection from time to time."""

    def __init__(self, seconds: float) -> None:
        """``seconds``: for so long nothing needs to be read."""
        self._seconds = seconds
        self._mark = 0
        self._since = 0.0

    def stands_still(self, unsent: int, now: float) -> bool:
        """Whether the client has read next to nothing for too long."""
        if unsent == 0 or self._mark == 0 or unsent <= self._mark - CHECKPOINT_BYTES:
            self._mark = unsent
            self._since = now
        return unsent > 0 and now - self._since > self._seconds
