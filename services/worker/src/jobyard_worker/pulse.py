"""A few bytes that the worker's main loop and its keeper share: the loop's beat and busy slots."""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

_LAYOUT = struct.Struct("=dI")


class Pulse:
    """``beat`` writes the time and the busy slots, ``read`` reads them in the other process.

    A shared file, not a pipe: a beat must never block the loop, nor pile up while nobody reads.
    ``time.monotonic`` is one clock for all processes of a machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)

    @classmethod
    def create(cls) -> Self:
        """A new one in the directory for temporary files."""
        number, name = tempfile.mkstemp(prefix="jobyard-pulse-")
        os.write(number, _LAYOUT.pack(time.monotonic(), 0))
        os.close(number)
        return cls(Path(name))

    def beat(self, busy: int) -> None:
        """The loop goes round; ``busy`` slots run a job."""
        _LAYOUT.pack_into(self._memory, 0, time.monotonic(), busy)

    def read(self) -> tuple[float, int]:
        """Seconds since the last beat, and the busy slots."""
        beat, busy = _LAYOUT.unpack_from(self._memory, 0)
        return time.monotonic() - beat, busy

    def unlink(self) -> None:
        """Removes the name; who has it open keeps it."""
        with suppress(OSError):
            self.path.unlink()

    def close(self) -> None:
        """Lets go of the memory and the name."""
        self._memory.close()
        self.unlink()
