"""Jobyard's worker. ``Worker`` is what ``rq worker -w jobyard_worker.Worker`` starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobyard_worker.worker import Worker

__all__ = ["Worker"]


def __getattr__(name: str) -> Any:
    """Loads RQ only for those who ask for the worker: the keeper and the children start lean."""
    if name == "Worker":
        from jobyard_worker.worker import Worker  # noqa: PLC0415 (see the docstring)

        return Worker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
