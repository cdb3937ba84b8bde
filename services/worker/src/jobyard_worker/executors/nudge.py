"""What a thread that waits for pipes is woken by."""

from __future__ import annotations

import os
from contextlib import suppress


class Nudge:
    """A pipe to oneself; any number of nudges before ``quiet`` are one."""

    def __init__(self) -> None:
        self.outlet, self._inlet = os.pipe()
        os.set_blocking(self.outlet, False)
        self._is_given = False

    def give(self) -> None:
        """Makes ``outlet`` readable; for any thread."""
        if not self._is_given:
            self._is_given = True
            os.write(self._inlet, b".")

    def quiet(self) -> None:
        """Takes it back; what was done before a nudge is seen by whoever calls this after it."""
        self._is_given = False
        with suppress(BlockingIOError):
            os.read(self.outlet, 64)
