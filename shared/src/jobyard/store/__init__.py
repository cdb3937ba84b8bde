"""The only package that talks to Redis: two doors, and the calls that go through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobyard.store import access_calls, calls, log_level_calls

if TYPE_CHECKING:
    from jobyard.store.front import AsyncStore, Store

__all__ = ["AsyncStore", "Store", "access_calls", "calls", "log_level_calls"]


def __getattr__(name: str) -> Any:
    """Loads a client only for those who open a door: a child that runs jobs needs the records."""
    if name in {"AsyncStore", "Store"}:
        from jobyard.store import front  # noqa: PLC0415 (see the docstring)

        return getattr(front, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
