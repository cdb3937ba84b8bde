"""One yard a directory: a lock file with the pid of the yard that holds it."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

from jobyard.errors import JobyardError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class YardRunsError(JobyardError):
    """Another yard holds this directory."""


class NoDirectoryError(JobyardError):
    """The yard's directory cannot be made or written."""


class YardLock:
    """Held while in the ``with`` block, and longer by children that inherit ``descriptor``.

    The kernel drops the lock with its last holder, so a lock file left by a killed yard is no
    hindrance, and the store's data never has two servers.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "up.lock"
        self.descriptor = -1

    def __enter__(self) -> Self:
        self.descriptor = self._open()
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self.descriptor, 32).decode(errors="replace").strip()
            os.close(self.descriptor)
            raise YardRunsError(_advice(holder)) from None
        os.ftruncate(self.descriptor, 0)
        os.write(self.descriptor, f"{os.getpid()}\n".encode())
        return self

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise NoDirectoryError(
                f"The yard keeps its data in {self._path.parent.resolve()}, which cannot be "
                f"written ({error.strerror}). Start it in a directory of yours"
            ) from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self.descriptor)


def _advice(holder: str) -> str:
    if holder.isdecimal() and _lives(int(holder)):
        return (
            f"A yard runs in this directory already (pid {holder}). Use it, or stop it first: "
            f"Ctrl-C in its terminal, or kill {holder}"
        )
    return (
        f"The yard that ran in this directory (pid {holder or 'unknown'}) was killed, and its "
        "processes are still draining. Try again in half a minute"
    )


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
