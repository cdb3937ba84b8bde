"""Sleeps, and wakes when it is cancelled; to see running jobs, cancellation and timeouts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jobyard import Context, task


@task(timeout=3_700)
def sleep(ctx: Context, seconds: Annotated[float, Field(ge=0, le=3_600)]) -> float:
    """Sleeps for some seconds, at most an hour, and returns how many."""
    ctx.sleep(seconds)
    return seconds
