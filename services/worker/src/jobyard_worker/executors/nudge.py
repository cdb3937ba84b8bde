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
        """Takes it back, before what it was given for is looked at.

        In this order: a nudge that came between the two would leave the pipe empty and the flag
        set, and no later one would be felt.
        """
        with suppress(BlockingIOError):
            os.read(self.outlet, 64)
        self._is_given = False
