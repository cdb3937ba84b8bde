"""Waits for the end of one job: asks the store first, and again when the hub tells of an end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jobyard.errors import StoreUnavailableError
from jobyard.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jobyard.store.records.job import JobRecord
    from jobyard_api.events.hub import Hub
    from jobyard_api.events.subscription import Subscription

_PAUSE_SECONDS = 0.25
"""Before a store is asked again that could not serve."""

_ENDS = frozenset(map(str, TERMINAL))


async def wait_for_end(
    hub: Hub, read: Callable[[], Awaitable[JobRecord]], job_id: str, seconds: float
) -> JobRecord:
    """The job as it is when it has ended, or after ``seconds``, or when this process ends.

    It listens before it reads: an end between the two is heard.

    Raises:
        StoreUnavailableError: The store could not serve at last.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    async with hub.following(job_id) as changes:
        record = await _read_at_last(read, until)
        while record.state not in TERMINAL and not changes.is_over and loop.time() < until:
            hub.learn(record.queue)
            await _may_have_ended(changes, until)
            record = await _read_at_last(read, until)
    return record


async def _may_have_ended(changes: Subscription, until: float) -> None:
    loop = asyncio.get_running_loop()
    while await changes.wait(until - loop.time()) and not changes.is_over:
        if changes.is_lost:
            changes.begin_anew()
            return
        if any(change.what in _ENDS for change in changes.take()):
            return


async def _read_at_last(read: Callable[[], Awaitable[JobRecord]], until: float) -> JobRecord:
    loop = asyncio.get_running_loop()
    while True:
        try:
            return await read()
        except StoreUnavailableError:
            if loop.time() + _PAUSE_SECONDS >= until:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
