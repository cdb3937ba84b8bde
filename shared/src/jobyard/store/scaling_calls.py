"""The call that says what pools have to do. Pure; the scheduler and the local autoscaler use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobyard.scaling.signal import Load
from jobyard.store.calls import Call
from jobyard.store.scripts import script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobyard.scaling.pools import Pool


def loads(pools: Sequence[Pool]) -> Call[Mapping[str, Load]]:
    """What each pool has to do, by its name: in one call, however many there are."""
    sent: list[Any] = [len(pools)]
    for pool in pools:
        sent += [pool.name, len(pool.queues), *pool.queues]
    names = [pool.name for pool in pools]
    return Call(script("loads"), sent, lambda reply: _loads(names, reply))


def _loads(names: Sequence[str], reply: Sequence[Sequence[int]]) -> Mapping[str, Load]:
    rows = zip(names, reply, strict=True)
    return {
        name: Load(queued=queued, paused=paused, claimed=claimed, busy=busy)
        for name, (queued, paused, claimed, busy) in rows
    }
