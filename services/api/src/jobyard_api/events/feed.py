"""The events of all jobs that a filter lets pass."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobyard.errors import StoreUnavailableError
from jobyard.states import State
from jobyard.store import event_calls
from jobyard.store.events import PROGRESS, About, changes_of
from jobyard_api.events import sse
from jobyard_api.events.cursor import text_of
from jobyard_api.events.trail import GapError, Trail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from jobyard.store.events import Change
    from jobyard_api.events.cursor import Cursor
    from jobyard_api.events.streams import Streams
    from jobyard_api.events.subscription import Subscription

_STATES = frozenset(map(str, State))
_UNKNOWN = About("", "", ())

_FURTHER = 200
"""Entries of a stream that are searched for what is told of a job that is gone."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are sent; None and empty mean all. A tenant is always one's own."""

    tenant: str | None = None
    queues: frozenset[str] | None = None
    states: frozenset[State] = frozenset()
    task: str | None = None
    tag: str | None = None
    shows_payloads: bool = True

    def may_pass(self, change: Change) -> bool:
        """What can be said without knowing the job."""
        if self.states:
            return change.what in self.states
        return change.what in _STATES or change.what == PROGRESS

    def passes(self, about: About) -> bool:
        """The rest."""
        return (
            (self.tenant is None or about.tenant == self.tenant)
            and (self.task is None or about.task == self.task)
            and (self.tag is None or self.tag in about.tags)
        )


class Feed:
    """Opened by ``Streams``; closed by whoever sends it."""

    def __init__(self, streams: Streams, subscription: Subscription, wanted: EventFilter) -> None:
        self._streams = streams
        self._subscription = subscription
        self._wanted = wanted
        self._trail = Trail(streams.hub, streams.store, subscription, wanted.queues)
        self._first: list[bytes] = []
        self._told = ""

    async def open(self, cursor: Cursor | None) -> None:
        """Begins now, or behind ``cursor``.

        Raises:
            StoreUnavailableError: The store cannot serve now.
        """
        if cursor is None:
            await self._begin_now()
            return
        names = await self._names()
        if self._wanted.queues is None:
            names |= cursor.places.keys()
        asked = {queue: cursor.places.get(queue) for queue in names}
        call = event_calls.places(asked, at_ms=cursor.since_ms)
        places = await self._streams.store.run(call)
        if places.unsound:
            await self._begin_anew()
        else:
            self._trail.begin(places.found, is_behind=True)

    async def blocks(self) -> AsyncIterator[bytes]:
        """The text of the stream, piece by piece, as it is to be sent."""
        yield sse.hello(self._cursor())
        lifetime = self._streams.lifetime()
        while not self._trail.is_over and not lifetime.is_over:
            async for block in self._next():
                yield block
        yield sse.retry()

    def close(self) -> None:
        """Ends it."""
        self._streams.hub.leave(self._subscription)

    async def _next(self) -> AsyncIterator[bytes]:
        for block in self._first:
            yield block
        self._first = []
        try:
            changes = await self._changes()
            known = await self._about(changes)
        except StoreUnavailableError:
            await asyncio.sleep(self._streams.pause_seconds)
            yield sse.HEARTBEAT
            return
        if not changes:
            yield self._heartbeat()
        for change in changes:
            self._trail.passed(change)
            about = known.get(change.id, _UNKNOWN)
            if self._wanted.may_pass(change) and self._wanted.passes(about):
                yield self._show(change, about)

    async def _changes(self) -> list[Change]:
        try:
            return await self._trail.next(self._streams.heartbeat_seconds)
        except GapError:
            await self._begin_anew()
            return []

    async def _about(self, changes: list[Change]) -> Mapping[str, About]:
        """As long as this fails, the changes are not passed, and are read again."""
        asked = [change for change in changes if self._wanted.may_pass(change)]
        try:
            known = await self._streams.directory.about(change.id for change in asked)
            unknown = [change for change in asked if change.id not in known]
            return {**known, **await self._last_words(unknown)} if unknown else known
        except StoreUnavailableError:
            self._subscription.lose()
            raise

    async def _last_words(self, changes: list[Change]) -> dict[str, About]:
        """What is told of jobs that were deleted since, a little further on in their streams."""
        places = {change.queue: self._trail.place(change.queue) for change in changes}
        found = await self._streams.store.run(event_calls.replay(places, limit=_FURTHER))
        ids = {change.id for change in changes}
        later = (
            one for queue, rows in found.items() for row in rows for one in changes_of(queue, row)
        )
        return {one.id: word for one in later if one.id in ids and (word := _last_word(one))}

    async def _names(self) -> set[str]:
        if self._wanted.queues is not None:
            names = set(self._wanted.queues)
        else:
            found = await self._streams.store.run(event_calls.names())
            names = set(found)
        self._streams.hub.learn(*names)
        return names

    async def _begin_now(self) -> None:
        call = event_calls.places(dict.fromkeys(await self._names()))
        self._trail.begin((await self._streams.store.run(call)).found)

    async def _begin_anew(self) -> None:
        await self._begin_now()
        text = "Events are missing here. List the jobs to know the present."
        self._first = [sse.event("gap", {"detail": text}, self._cursor())]

    def _show(self, change: Change, about: About) -> bytes:
        shown = sse.whose(change.id, about.task, change.queue, change.at)
        self._told = cursor = self._cursor()
        if change.what == PROGRESS:
            said = sse.progress(change.value, is_shown=self._wanted.shows_payloads)
            return sse.event("progress", {**shown, **said}, cursor)
        return sse.event("state", {**shown, "state": change.what}, cursor)

    def _heartbeat(self) -> bytes:
        """With the place, where it has moved on over events that the filter holds back."""
        cursor = self._cursor()
        is_old = cursor == self._told
        self._told = cursor
        return sse.HEARTBEAT if is_old else sse.HEARTBEAT + sse.place(cursor)

    def _cursor(self) -> str:
        return text_of(self._trail.places, self._streams.hub.since_ms - 1)


def _last_word(change: Change) -> About | None:
    """What a change says of a job whose record is gone with it; None for all others."""
    said = None if change.what == PROGRESS else change.value
    if not isinstance(said, dict):
        return None
    tags = said.get("tags")
    return About(
        str(said.get("task", "")),
        str(said.get("tenant", "")),
        tuple(map(str, tags)) if isinstance(tags, list) else (),
    )
