"""Gives back its payload; the smallest way to see the yard run."""

from __future__ import annotations

from typing import Any

from jobyard import task


@task
def echo(**payload: Any) -> dict[str, Any]:
    """Returns its payload, whatever the keys."""
    return payload
