"""A few bytes that the worker's main loop and its keeper share: the loop's beat and busy slots."""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_BEATS, _BUSY = 0, 1
_SIZE = 16


class Pulse:
    """``beat`` counts on and writes the busy slots, ``read`` reads them in the other process.

    A shared file, not a pipe: a beat must never block the loop, nor pile up while nobody reads.
    Two aligned 8-byte numbers, each written with one store: ``struct.pack_into`` zeroes its target
    first, and a keeper that read the zero took a working worker for a dead one.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._clock = clock
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _SIZE)
        self._numbers = memoryview(self._memory).cast("Q")
        self._seen, self._seen_at = self._numbers[_BEATS], clock()

    @classmethod
    def create(cls) -> Self:
        """A new one in the directory for temporary files."""
        number, name = tempfile.mkstemp(prefix="jobyard-pulse-")
        os.write(number, bytes(_SIZE))
        os.close(number)
        return cls(Path(name))

    def beat(self, busy: int) -> None:
        """The loop goes round; ``busy`` slots run a job."""
        self._numbers[_BUSY] = busy
        self._numbers[_BEATS] += 1

    def read(self) -> tuple[float, int]:
        """Seconds since this reader first saw the newest beat, and the busy slots."""
        beats, now = self._numbers[_BEATS], self._clock()
        if beats != self._seen:
            self._seen, self._seen_at = beats, now
        return now - self._seen_at, self._numbers[_BUSY]

    def unlink(self) -> None:
        """Removes the name; who has it open keeps it."""
        with suppress(OSError):
            self.path.unlink()

    def close(self) -> None:
        """Lets go of the memory and the name."""
        self._numbers.release()
        self._memory.close()
        self.unlink()
