"""Which core does what: the measured process has one to itself, driver and store have the others.

Where the machine has one core, or processes cannot be pinned, nothing is.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALL = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
_MEASURED = set(_ALL[:1])
_OTHERS = set(_ALL[1:])


def share(*pids: int) -> None:
    """This process and ``pids`` have the cores of those who are not measured."""
    for pid in (os.getpid(), *pids):
        _pin(pid, _OTHERS)


def measure(pid: int) -> None:
    """The process has the core of the one that is measured."""
    _pin(pid, _MEASURED)


@contextmanager
def measured() -> Iterator[None]:
    """This process is the one that is measured while inside."""
    measure(os.getpid())
    try:
        yield
    finally:
        share()


def _pin(pid: int, cores: set[int]) -> None:
    """With all the threads that it has by now; those that they start are where they are."""
    if not _OTHERS:
        return
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)
