"""Tasks that write to the ledger; ``support.ledger.TASK_MODULE`` names this module."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobyard import Context, task
from support.ledger import append

if TYPE_CHECKING:
    from collections.abc import Iterator


@task
def noop(context: Context) -> None:
    """Start and end, nothing between."""
    with _recorded(context):
        pass


@task
def sleeper(context: Context, seconds: float = 1.0) -> float:
    """Sleeps without looking at cancel or deadline."""
    with _recorded(context):
        time.sleep(seconds)
    return seconds


@task
def polite_sleeper(context: Context, seconds: float = 1.0) -> float:
    """Sleeps and ends early when it was cancelled or timed out."""
    with _recorded(context):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            context.check_cancelled()
            time.sleep(0.01)
    return seconds


@task
async def async_sleeper(context: Context, seconds: float = 1.0) -> float:
    """Awaits."""
    with _recorded(context):
        await asyncio.sleep(seconds)
    return seconds


@task
def gil_holder(context: Context, seconds: float = 1.0) -> float:
    """Sleeps in C without giving the interpreter lock away: no other thread runs meanwhile."""
    with _recorded(context):
        usleep = ctypes.PyDLL(None).usleep
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            usleep(ctypes.c_uint(int(left * 1_000_000) + 1))
    return seconds


@task
def failer(context: Context, message: str = "failed on purpose") -> None:
    """Always raises; its end is on record."""
    with _recorded(context):
        raise RuntimeError(message)


@task(retry=[0.05, 0.05, 0.05])
def flaky(context: Context, failures: int = 1) -> int:
    """Raises in its first ``failures`` attempts."""
    with _recorded(context):
        if context.attempt <= failures:
            raise RuntimeError(f"attempt {context.attempt} failed on purpose")
    return context.attempt


@task
def crasher(context: Context) -> None:
    """Kills its own process; only the start is on record."""
    append("start", context.job_id, context.token, context.attempt)
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def _recorded(context: Context) -> Iterator[None]:
    append("start", context.job_id, context.token, context.attempt)
    try:
        yield
    finally:
        append("end", context.job_id, context.token, context.attempt)
