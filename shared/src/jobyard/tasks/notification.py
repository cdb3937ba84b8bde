"""Leaves a notification; every 30 s from the scheduler (classic: notifications)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from jobyard import Context, task


@task(queue="notifications", result_ttl=500)
def notification(
    ctx: Context, message: Annotated[str, Field(max_length=2_000)] | None = None
) -> str:
    """Appends a line with the time (UTC), and the message if any, to the notifications."""
    line = f"Notification at {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    if message:
        line += f": {message}"
    ctx.journal("notifications", line)
    return line
