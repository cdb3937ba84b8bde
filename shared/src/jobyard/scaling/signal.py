"""The one formula: how many workers a pool needs, from what waits and what runs. Pure.

The chart gives KEDA the same formula over its ``redis`` triggers, with a target of 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobyard.scaling.pools import Pool

BUSY_SHARE = 0.8
"""How busy the slots of a pool may be. The HPA leaves a pool alone within a tenth of its target,
so a share of 0.9 or more never grows a pool whose slots are all busy."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a pool has to do.

    Attributes:
        queued: Jobs that wait in its queues, in all their lanes.
        claimed: Jobs that a worker holds: those that run, and the few that were claimed ahead.
        busy: Slots that run a job.
        paused: Jobs that wait in paused queues: no worker may take them, so none is wanted.
    """

    queued: int = 0
    claimed: int = 0
    busy: int = 0
    paused: int = 0


def backlog_per_slot(latency_target_seconds: float, mean_job_seconds: float) -> float:
    """B: how many jobs a slot may have before it, itself included, and the target still be met."""
    return max(1.0, latency_target_seconds / mean_job_seconds)


def signal(load: Load, *, concurrency: int, backlog: float) -> float:
    """The number of workers that the load asks for, not rounded; 0 only where there is nothing.

    Args:
        load: What there is to do.
        concurrency: Slots of one worker.
        backlog: Jobs that one slot may have before it, ``backlog_per_slot``.

    Returns:
        The larger of two needs: that running jobs leave a fifth of the slots free, and that what
        waits is done within the latency target.
    """
    running = load.busy / (BUSY_SHARE * concurrency)
    waiting = (load.queued + load.claimed) / (concurrency * backlog)
    return max(running, waiting)


def desired_workers(load: Load, pool: Pool) -> int:
    """``signal`` as a number of workers within the pool's limits."""
    wanted = math.ceil(signal(load, concurrency=pool.concurrency, backlog=pool.backlog))
    return min(max(wanted, pool.min), pool.max)
