"""A task of yours: one file, one function."""

from __future__ import annotations

from jobyard import task


@task(retry=(1, 2, 4))
def greet(name: str, greeting: str = "Hello") -> str:
    """Greets somebody."""
    return f"{greeting} {name}"
