"""Draws a number; the job of ``POST /job`` (classic: notifications)."""

from __future__ import annotations

import random

from jobyard import InvalidPayloadError, task


@task(queue="notifications", result_ttl=500)
def random_number(lowest: int, highest: int) -> int:
    """Draws one whole number between two, both included."""
    if lowest > highest:
        raise InvalidPayloadError(
            "random_number", [("/lowest", f"{lowest} is more than highest, {highest}")]
        )
    return random.randint(lowest, highest)  # noqa: S311 - a draw, not a secret
