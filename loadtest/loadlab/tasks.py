"""The tasks of a load test; each writes to a ledger outside the store when it starts and ends."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from typing import TYPE_CHECKING

from jobyard import Context, task
from loadlab.files import LEDGER_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator


@task(name="load.sleep")
def sleep(context: Context, milliseconds: float = 5.0, padding: str = "") -> int:
    """Waits, as work does that waits for others; returns the length of the padding."""
    with _recorded(context):
        time.sleep(milliseconds / 1_000)
    return len(padding)


@task(name="load.burn")
def burn(context: Context, milliseconds: float = 5.0, padding: str = "") -> int:
    """Keeps a processor busy; returns the length of the padding."""
    with _recorded(context):
        until = time.thread_time() + milliseconds / 1_000
        while time.thread_time() < until:
            pass
    return len(padding)


@task(name="load.fail")
def fail(context: Context, padding: str = "") -> None:
    """Fails at once."""
    del padding
    with _recorded(context):
        raise RuntimeError("This job of a load test fails on purpose.")


@contextlib.contextmanager
def _recorded(context: Context) -> Iterator[None]:
    _append("start", context)
    try:
        yield
    finally:
        _append("end", context)


def _append(event: str, context: Context) -> None:
    """One write a line, so that lines of several processes never mix."""
    if path := os.environ.get(LEDGER_VARIABLE):
        line = f"{event} {context.job_id} {context.token} {time.time():.6f}\n"
        os.write(_ledger(path), line.encode())


@functools.cache
def _ledger(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
