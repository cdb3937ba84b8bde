"""One readable log of all services: each line with the coloured name of its service."""

from __future__ import annotations

import os
import threading
from typing import TextIO

_COLOURS = {"yard": "1", "store": "35", "api": "36", "scheduler": "33"}
_WORKER_COLOURS = ("32", "34", "92", "94", "96", "95")


class YardLog:
    """Writes whole lines of several services to one stream; safe to use from many threads."""

    def __init__(self, stream: TextIO, services: list[str]) -> None:
        self._stream = stream
        self._width = max(map(len, [*services, "yard"]))
        self._coloured = stream.isatty() and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()
        self.is_broken = False

    def say(self, text: str) -> None:
        """A line of the yard itself."""
        self.write("yard", text)

    def write(self, service: str, text: str) -> None:
        """A line of one service. A reader that went away only sets ``is_broken``."""
        line = f"{self._prefix(service)} {text}\n"
        with self._lock:
            try:
                self._stream.write(line)
                self._stream.flush()
            except (OSError, ValueError):
                self.is_broken = True

    def _prefix(self, service: str) -> str:
        padded = f"{service:<{self._width}} |"
        return f"\x1b[{_colour(service)}m{padded}\x1b[0m" if self._coloured else padded


def _colour(service: str) -> str:
    if service in _COLOURS:
        return _COLOURS[service]
    number = int(service.rpartition("-")[2])
    return _WORKER_COLOURS[number % len(_WORKER_COLOURS)]
