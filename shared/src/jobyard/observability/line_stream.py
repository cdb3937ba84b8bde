"""Where finished lines of the log go, so that lines never mix: each whole, in one write."""

from __future__ import annotations

import os
import select
import stat
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PIPE_BYTES = getattr(select, "PIPE_BUF", 512)
"""What a pipe takes in one piece, whoever else writes to it and however full it is."""

_Gathered = list[tuple["LineStream", bytes]]
_GATHERED: ContextVar[_Gathered | None] = ContextVar("gathered", default=None)


@contextmanager
def lines_together() -> Iterator[None]:
    """What is logged inside is written at its end, in one: a write costs more than its line."""
    gathered: _Gathered = []
    before = _GATHERED.set(gathered)
    try:
        yield
    finally:
        _GATHERED.reset(before)
        for stream in dict.fromkeys(stream for stream, _ in gathered):
            stream.write_all([line for to, line in gathered if to is stream])


class LineStream:
    """One for all loggers of a process; other processes may write to the same pipe."""

    def __init__(self, stream: BinaryIO) -> None:
        """``stream`` is written to without its buffer, where it has one."""
        self._stream: Any = getattr(stream, "raw", stream)
        self._most_bytes = _PIPE_BYTES if _is_pipe(stream) else None

    def write(self, line: bytes) -> None:
        """Writes a line, or keeps it while lines are written together."""
        gathered = _GATHERED.get()
        if gathered is None:
            self._write(line)
        else:
            gathered.append((self, line))

    def write_all(self, lines: Sequence[bytes]) -> None:
        """Writes lines in as few pieces as the stream takes whole."""
        most = self._most_bytes
        piece = b""
        for line in lines if most else ():
            if piece and len(piece) + len(line) > (most or 0):
                self._write(piece)
                piece = b""
            piece += line
        self._write(piece or b"".join(lines))

    def _write(self, data: bytes) -> None:
        """A reader that went away must not stop the process that logs."""
        with suppress(OSError, ValueError):
            while data:
                data = data[self._written(data) :]
            self._stream.flush()

    def _written(self, data: bytes) -> int:
        count: int | None = self._stream.write(data)
        if count is None:  # it does not block, and is full
            select.select([], [self._stream], [])
        return count or 0


def _is_pipe(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):
        return False
