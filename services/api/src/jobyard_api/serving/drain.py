"""The way out of one API process: first it says that it is not ready, then it ends.

``/readyz`` and what answers for long (streams, waits for a result) ask it.
"""

from __future__ import annotations

import asyncio


class Drain:
    """Begins at the first SIGTERM and is over when the process stops to take requests."""

    def __init__(self) -> None:
        self.is_begun = False
        self._over = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether no more requests are taken: what goes on and on must end now."""
        return self._over.is_set()

    async def over(self) -> None:
        """Returns when ``is_over``."""
        await self._over.wait()

    def begin(self) -> None:
        """From now on ``/readyz`` says 503; requests are served as before."""
        self.is_begun = True

    def end(self) -> None:
        """From now on requests under way are finished, and none is taken. On the event loop."""
        self.is_begun = True
        self._over.set()
