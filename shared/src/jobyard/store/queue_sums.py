"""Adds up the lanes of each queue: people know queues and priorities, scripts lanes. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from jobyard.lanes import Priority, base_of, priority_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobyard.store.records.oversight import QueueInfo


def queues_of(lanes: Iterable[QueueInfo]) -> list[QueueInfo]:
    """Queues by name, each as the sum of its lanes."""
    found: dict[str, list[QueueInfo]] = defaultdict(list)
    for lane in lanes:
        found[base_of(lane.name)].append(lane)
    return [_sum(name, found[name]) for name in sorted(found)]


def bounded(queues: Sequence[QueueInfo], most: int, rest: str) -> list[QueueInfo]:
    """The first ``most`` of them, and the others added up as a queue named ``rest``."""
    if len(queues) <= most:
        return list(queues)
    return [*queues[:most], _sum(rest, queues[most:])]


def _sum(name: str, lanes: Sequence[QueueInfo]) -> QueueInfo:
    oldest = max(lanes, key=lambda lane: lane.oldest_age_seconds or -1.0)
    counters: Counter[str] = Counter()
    for lane in lanes:
        counters.update(lane.counters)
    return replace(
        oldest,
        name=name,
        queued=sum(lane.queued for lane in lanes),
        running=sum(lane.running for lane in lanes),
        scheduled=sum(lane.scheduled for lane in lanes),
        blocked=sum(lane.blocked for lane in lanes),
        succeeded=sum(lane.succeeded for lane in lanes),
        failed=sum(lane.failed for lane in lanes),
        canceled=sum(lane.canceled for lane in lanes),
        workers=max(lane.workers for lane in lanes),
        counters=dict(counters),
        in_per_second=sum(lane.in_per_second for lane in lanes),
        out_per_second=sum(lane.out_per_second for lane in lanes),
        paused=any(lane.paused for lane in lanes),
        priorities={
            **dict.fromkeys(Priority, 0),
            **{priority_of(lane.name): lane.queued for lane in lanes},
        },
    )
