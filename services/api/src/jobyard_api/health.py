"""The health of an API process for its metrics port: as ``/livez`` and ``/readyz`` of the API.

The port has threads of its own, so what they say of the event loop they have to ask it.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from jobyard.errors import StoreUnavailableError

if TYPE_CHECKING:
    from jobyard_api.serving.drain import Drain
    from jobyard_api.yard import Yard

STILL_SECONDS = 4.0
"""How long the loop may take to answer; who probes gives up after 5 s."""


class Health:
    """Of one process; it runs from ``begin`` to ``end``."""

    def __init__(self) -> None:
        self._running: tuple[asyncio.AbstractEventLoop, Yard, Drain] | None = None

    def begin(self, yard: Yard, drain: Drain) -> None:
        """The application is up. On the event loop."""
        self._running = asyncio.get_running_loop(), yard, drain

    def end(self) -> None:
        """It is not any more."""
        self._running = None

    def live(self) -> str:
        """What is wrong with the event loop; empty where nothing is."""
        if self._running is None:
            return ""
        moved = threading.Event()
        self._running[0].call_soon_threadsafe(moved.set)
        return "" if moved.wait(STILL_SECONDS) else "the event loop stands still"

    def ready(self) -> str:
        """Why requests should go elsewhere; empty where they need not."""
        if self._running is None:
            return "the application is not up"
        loop, yard, drain = self._running
        if drain.is_begun:
            return "the process was told to stop"
        try:
            asyncio.run_coroutine_threadsafe(yard.ping(), loop).result(STILL_SECONDS)
        except (StoreUnavailableError, TimeoutError, CancelledError) as error:
            return str(error) or "the store has not answered in time"
        return ""
