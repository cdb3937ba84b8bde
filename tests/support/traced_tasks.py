"""Tasks that make spans of their own; ``support.traced_tasks`` in ``JOBYARD_TASK_MODULES``."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

from opentelemetry import trace

from jobyard import Context, task
from support.ledger import LEDGER_VARIABLE, Ledger, append

_tracer = trace.get_tracer("tests")


@task(retry=[0.05])
def traced_flaky(context: Context) -> str:
    """Fails once; then enqueues a job and returns its id."""
    with _tracer.start_as_current_span("own work") as span:
        span.set_attribute("attempt", context.attempt)
        logging.getLogger("tests").info("at work")
        if context.attempt == 1:
            raise RuntimeError("failed on purpose")
        return context.enqueue("traced_follower")


@task(isolated=True, retry=[0.05])
def traced_flaky_isolated(context: Context) -> str:
    """The same, in a child."""
    return traced_flaky(context)


@task(retry=[0.05])
async def traced_flaky_async(context: Context) -> str:
    """The same, on an event loop."""
    await asyncio.sleep(0)
    return traced_flaky(context)


@task
def traced_follower() -> None:
    """Makes a span."""
    with _tracer.start_as_current_span("follower's work"):
        pass


def traced_function() -> str:
    """Of plain RQ code."""
    with _tracer.start_as_current_span("function's work"):
        return "done"


@task
def traced_survivor(context: Context) -> str:
    """Makes a span and waits to be killed with its worker, the first time."""
    with _tracer.start_as_current_span("before the kill"):
        pass
    entries = Ledger(Path(os.environ[LEDGER_VARIABLE])).entries()
    append("start", context.job_id, context.token, context.attempt)
    if not any(entry.job_id == context.job_id for entry in entries):
        context.sleep(120)
    with _tracer.start_as_current_span("after the rescue"):
        return context.enqueue("traced_follower")


@task(isolated=True)
def traced_crasher() -> None:
    """Makes a span and kills its own process."""
    with _tracer.start_as_current_span("last work"):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
