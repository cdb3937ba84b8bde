"""Fails on purpose, to see what a failed job looks like."""

from __future__ import annotations

from typing import NoReturn

from jobyard import task


@task
def fail(message: str = "This task always fails.") -> NoReturn:
    """Raises an error with the given message, every time."""
    raise RuntimeError(message)
