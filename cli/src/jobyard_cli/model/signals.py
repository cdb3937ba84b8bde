"""What pools are scaled by: ours, and what others use, each as a number of workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.scaling import signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.scaling import Load

    Signal = Callable[[Load], float]


def ours(concurrency: int, backlog: float) -> Signal:
    """The one formula."""
    return lambda load: signal(load, concurrency=concurrency, backlog=backlog)


def queue_length(target: float) -> Signal:
    """Waiting jobs alone, ``target`` a worker: what most charts ask of KEDA."""
    return lambda load: load.queued / target


def queued_and_in_flight(target: float) -> Signal:
    """Waiting and running jobs, ``target`` a worker."""
    return lambda load: (load.queued + load.claimed) / target
