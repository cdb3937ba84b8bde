"""Opens streams of events, and says how long they last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jobyard_api.events.directory import Directory
from jobyard_api.events.feed import EventFilter, Feed
from jobyard_api.events.job_stream import JobStream

if TYPE_CHECKING:
    from jobyard.store import AsyncStore
    from jobyard_api.events.cursor import Cursor
    from jobyard_api.events.hub import Hub

__all__ = ["EventFilter", "Streams"]


class Lifetime:
    """Of one stream: it ends while what its key allows is not old news; its client comes back."""

    def __init__(self, until: float) -> None:
        self._until = until

    @property
    def is_over(self) -> bool:
        """Whether it is time."""
        return asyncio.get_running_loop().time() >= self._until


class Streams:
    """What all streams of this process share."""

    pause_seconds = 0.5
    """Before the store is asked again that could not serve."""

    def __init__(
        self, hub: Hub, store: AsyncStore, *, heartbeat_seconds: float, lifetime_seconds: float
    ) -> None:
        self.hub = hub
        self.store = store
        self.directory = Directory(store)
        self.heartbeat_seconds = heartbeat_seconds
        self._lifetime_seconds = lifetime_seconds

    async def of_job(
        self, job_id: str, owner: str | None, cursor: Cursor | None, *, shows_payloads: bool
    ) -> JobStream | None:
        """The events of one job; None where ``cursor`` has seen its end.

        Raises:
            LookupError: There is no such job.
            StoreUnavailableError: The store cannot serve now.
        """
        subscription = await self.hub.follow(job_id)
        stream = JobStream(self, subscription, job_id, owner, shows_payloads=shows_payloads)
        try:
            is_open = await stream.open(cursor)
        except BaseException:
            stream.close()
            raise
        if not is_open:
            stream.close()
        return stream if is_open else None

    async def of_all(self, wanted: EventFilter, cursor: Cursor | None) -> Feed:
        """The events that a filter lets pass.

        Raises:
            StoreUnavailableError: The store cannot serve now.
        """
        stream = Feed(self, await self.hub.follow(), wanted)
        try:
            await stream.open(cursor)
        except BaseException:
            stream.close()
            raise
        return stream

    def lifetime(self) -> Lifetime:
        """That of a stream which begins now."""
        return Lifetime(asyncio.get_running_loop().time() + self._lifetime_seconds)
