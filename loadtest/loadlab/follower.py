"""Writes down how each job ended, from the stream of events, while the load goes on."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import httpx

from loadlab.files import OUTCOMES

if TYPE_CHECKING:
    from pathlib import Path

    from loadlab.api import Api

_AGAIN_SECONDS = 0.5


class Follower:
    """A thread of its own; goes on where it was when the API goes away. A context manager."""

    def __init__(self, api: Api, directory: Path) -> None:
        self._api = api
        self._file = (directory / OUTCOMES).open("a", buffering=1)
        self._place = ""
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)
        self._ending = threading.Event()
        self.listens = threading.Event()
        """Set once the stream has said where it begins."""
        self.ended = 0
        self.breaks = 0

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Takes no more; what came by then is on disk."""
        self._ending.set()

    def _follow(self) -> None:
        while not self._ending.is_set():
            try:
                self._listen()
            except httpx.HTTPError:
                self.breaks += 1
            self._ending.wait(_AGAIN_SECONDS)

    def _listen(self) -> None:
        for place, event in self._api.ends(self._place):
            if self._ending.is_set():
                return
            self._place = place
            self.listens.set()
            if "state" in event:
                self._file.write(f"{event['id']} {event['state']} {time.time():.6f}\n")
                self.ended += 1
