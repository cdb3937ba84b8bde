"""Priorities of jobs: lanes of a queue, each a queue of its own for RQ. Pure.

``mail`` is served as ``mail.high``, ``mail``, ``mail.low``, in this order; ``lib.lua`` and
``claim.lua`` have the same.
"""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """Which of the jobs of a queue are run first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


_OUTER = {f".{priority}": priority for priority in (Priority.HIGH, Priority.LOW)}


def lane_of(queue: str, priority: Priority) -> str:
    """The queue of RQ's that holds jobs of ``queue`` with this priority."""
    base = base_of(queue)
    return base if priority is Priority.NORMAL else f"{base}.{priority}"


def lanes_of(queue: str) -> tuple[str, str, str]:
    """The lanes of a queue, in the order in which they are emptied."""
    return f"{queue}.{Priority.HIGH}", queue, f"{queue}.{Priority.LOW}"


def base_of(queue: str) -> str:
    """The queue that a lane belongs to; every other queue is its own."""
    base, dot, last = queue.rpartition(".")
    return base if base and dot + last in _OUTER else queue


def priority_of(queue: str) -> Priority:
    """The priority of the jobs in a queue of RQ's."""
    base, dot, last = queue.rpartition(".")
    return _OUTER.get(dot + last, Priority.NORMAL) if base else Priority.NORMAL
