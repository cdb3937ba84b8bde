"""Tasks of the harness; each writes its start and its end to the ledger."""

from __future__ import annotations

import asyncio
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
def chaos_noop(context: Context) -> None:
    """Start and end, nothing between."""
    with _recorded(context):
        pass


@task
async def chaos_await(context: Context, seconds: float = 0.05) -> float:
    """Awaits."""
    with _recorded(context):
        await asyncio.sleep(seconds)
    return seconds


@task
def chaos_report(context: Context) -> str:
    """Tells its progress twice, and leaves a line."""
    with _recorded(context):
        context.progress(1)
        time.sleep(0.05)
        context.progress(2)
        context.journal("chaos", context.job_id)
    return context.job_id


@task
def chaos_follow(context: Context) -> None:
    """Enqueues two jobs that exist only if this one succeeds."""
    with _recorded(context):
        for _ in range(2):
            context.enqueue(chaos_noop, queue=context.queue)


@task
def chaos_fail(context: Context) -> None:
    """Raises."""
    with _recorded(context):
        raise RuntimeError("failed on purpose")


@task(retry=[0.05, 0.05, 0.05])
def chaos_flaky(context: Context, seconds: float = 0.0) -> int:
    """Raises in its first attempt."""
    with _recorded(context):
        time.sleep(seconds)
        if context.attempt == 1:
            raise RuntimeError("the first attempt fails on purpose")
    return context.attempt


@task
def chaos_sleep(context: Context, seconds: float) -> float:
    """Sleeps without looking at anything."""
    with _recorded(context):
        time.sleep(seconds)
    return seconds


@task
def chaos_wait(context: Context, seconds: float = 30.0) -> None:
    """Waits until it is canceled or late."""
    with _recorded(context):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            context.check_cancelled()
            time.sleep(0.01)


@task
def chaos_pill(context: Context) -> None:
    """Kills the process that it runs in, whichever that is."""
    append("start", context.job_id, context.token, context.attempt)
    os.kill(os.getpid(), signal.SIGKILL)


@task(isolated=True)
def chaos_isolated(context: Context) -> str:
    """Reports progress from a child of its own."""
    with _recorded(context):
        context.progress(1)
        context.journal("chaos", context.job_id)
    return context.job_id


@task(isolated=True)
def chaos_isolated_wait(context: Context, seconds: float = 30.0) -> None:
    """Sleeps in a child of its own until that is killed."""
    with _recorded(context):
        time.sleep(seconds)


@task(isolated=True)
def chaos_crash(context: Context) -> None:
    """Kills its own process."""
    append("start", context.job_id, context.token, context.attempt)
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def _recorded(context: Context) -> Iterator[None]:
    append("start", context.job_id, context.token, context.attempt)
    try:
        yield
    finally:
        append("end", context.job_id, context.token, context.attempt)
