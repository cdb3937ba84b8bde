"""The time as lines of the log write it: RFC 3339, UTC, microseconds."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """All of a second but its microseconds is made once. For any number of threads."""

    def __init__(self) -> None:
        self._made = (-1, "")

    def text(self) -> str:
        """Now."""
        second, rest = divmod(time.time_ns(), 1_000_000_000)
        made = self._made
        if second != made[0]:
            text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._made = made = (second, text)
        return f"{made[1]}.{rest // 1000:06}Z"
