"""Adds two numbers; the example that the documents use."""

from __future__ import annotations

from jobyard import task


@task
def add(a: int, b: int) -> int:
    """Returns the sum of two whole numbers."""
    return a + b
