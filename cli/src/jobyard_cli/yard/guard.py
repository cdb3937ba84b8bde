"""The yard's end of the guard process: tells it which processes are alive."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

_PROGRAM = Path(__file__).with_name("guard_process.py")


class Guard:
    """A process that ends the yard's processes if the yard is killed."""

    def __init__(self, grace_seconds: float, lock_descriptor: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROGRAM), str(grace_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(lock_descriptor,),
            text=True,
        )

    def add(self, pid: int, stage: int) -> None:
        """Ends ``pid`` and its group with the others of ``stage``, lower stages first."""
        self._tell(f"+{pid} {stage}\n")

    def remove(self, pid: int) -> None:
        """Forgets ``pid``, which has ended."""
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """Ends the guard, and what it was told and not told to forget."""
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.write(line)
                self._process.stdin.flush()
