"""The events of one job: its present state, then every change, until it has ended."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from jobyard.errors import StoreUnavailableError
from jobyard.states import TERMINAL, State
from jobyard.store import event_calls
from jobyard.store.events import PROGRESS, moment_of
from jobyard_api.events import sse
from jobyard_api.events.cursor import text_of
from jobyard_api.events.trail import GapError, Trail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jobyard.store.events import Change, Place, Watched
    from jobyard_api.events.cursor import Cursor
    from jobyard_api.events.streams import Streams
    from jobyard_api.events.subscription import Subscription

_ENDS = frozenset(map(str, TERMINAL))
_WORDS = frozenset({*map(str, State), PROGRESS})


class JobStream:
    """Opened by ``Streams``; closed by whoever sends it."""

    def __init__(
        self,
        streams: Streams,
        subscription: Subscription,
        job_id: str,
        owner: str | None,
        *,
        shows_payloads: bool,
    ) -> None:
        self._streams = streams
        self._subscription = subscription
        self._id = job_id
        self._owner = owner
        self._shows_payloads = shows_payloads
        self._queue = self._task = ""
        self._since_ms = 0
        self._first: list[bytes] = []
        self._is_ended = False
        self._trail: Trail

    async def open(self, cursor: Cursor | None) -> bool:
        """Finds the job; False where ``cursor`` has seen its end already.

        Raises:
            LookupError: There is no such job.
            StoreUnavailableError: The store cannot serve now.
        """
        seen = await self._look()
        if seen is None:
            raise LookupError(self._id)
        self._queue, self._task, self._since_ms = seen.queue, seen.task, seen.now_ms - 1
        self._streams.hub.learn(self._queue)
        self._trail = Trail(
            self._streams.hub, self._streams.store, self._subscription, frozenset({self._queue})
        )
        if cursor is None:
            self._begin(seen)
            return True
        place = await self._place(cursor)
        self._trail.begin({self._queue: place} if place else {}, is_behind=True)
        if place is None:
            self._first = [self._gap()]
            self._begin(seen)
        elif seen.state in TERMINAL:
            await self._read_to_the_end(seen)
            return bool(self._first)
        return True

    async def blocks(self) -> AsyncIterator[bytes]:
        """The text of the stream, piece by piece, as it is to be sent."""
        yield sse.hello(self._cursor())
        for block in self._first:
            yield block
        lifetime = self._streams.lifetime()
        while not self._is_ended and not self._trail.is_over and not lifetime.is_over:
            async for block in self._next():
                yield block
        yield sse.retry()

    def close(self) -> None:
        """Ends it."""
        self._streams.hub.leave(self._subscription)

    async def _next(self) -> AsyncIterator[bytes]:
        try:
            changes = await self._trail.next(self._streams.heartbeat_seconds)
        except GapError:
            async for block in self._after_gap():
                yield block
            return
        except StoreUnavailableError:
            await asyncio.sleep(self._streams.pause_seconds)
            yield sse.HEARTBEAT
            return
        if not changes:
            yield sse.HEARTBEAT
        for block in await self._shown(changes):
            yield block

    async def _shown(self, changes: list[Change]) -> list[bytes]:
        blocks: list[bytes] = []
        for change in changes:
            self._trail.passed(change)
            if change.id != self._id or change.what not in _WORDS:
                continue
            blocks.append(await self._show(change))
            if change.what in _ENDS:
                self._is_ended = True
                break
        return blocks

    async def _show(self, change: Change) -> bytes:
        about = sse.whose(self._id, self._task, self._queue, change.at)
        if change.what != PROGRESS:
            return sse.event("state", {**about, "state": change.what}, self._cursor())
        progress = change.value if change.data else await self._progress()
        return sse.event("progress", {**about, **self._said(progress)}, self._cursor())

    def _said(self, progress: Any) -> dict[str, Any]:
        return sse.progress(progress, is_shown=self._shows_payloads)

    async def _progress(self) -> Any:
        """What is too long for an event; None where the store cannot say it now."""
        with contextlib.suppress(StoreUnavailableError):
            if seen := await self._look():
                return seen.progress
        return None

    async def _after_gap(self) -> AsyncIterator[bytes]:
        """What is missing is not known, but the present is."""
        seen = await self._look()
        if seen is None:
            self._is_ended = True  # it was forgotten meanwhile: who comes back is told so
            return
        yield self._gap()
        self._first = []
        self._begin(seen)
        for block in self._first:
            yield block

    def _begin(self, seen: Watched) -> None:
        """Stands at the place that the present state is of, and shows that state."""
        self._trail.begin({self._queue: seen.place})
        about = sse.whose(self._id, self._task, self._queue, moment_of(seen.now_ms))
        shown = {**about, "state": seen.state, **self._said(seen.progress)}
        self._first.append(sse.event("state", shown, self._cursor()))
        self._is_ended = seen.state in TERMINAL

    async def _read_to_the_end(self, seen: Watched) -> None:
        """Of a job that has ended: what the client has not seen of it."""
        try:
            while self._trail.is_behind and not self._is_ended:
                self._first += await self._shown(await self._trail.next(0))
        except GapError:
            self._first = [self._gap()]
            self._begin(seen)

    async def _look(self) -> Watched | None:
        return await self._streams.store.run(event_calls.watch(self._id, self._owner))

    async def _place(self, cursor: Cursor) -> Place | None:
        """Where the client stands; None when changes behind that are lost."""
        asked = {self._queue: cursor.places.get(self._queue)}
        call = event_calls.places(asked, at_ms=cursor.since_ms)
        found = await self._streams.store.run(call)
        return None if found.unsound else found.found.get(self._queue)

    def _gap(self) -> bytes:
        text = "Events are missing here. The next one shows the present state."
        shown: dict[str, Any] = {"id": self._id, "detail": text}
        return sse.event("gap", shown, self._cursor())

    def _cursor(self) -> str:
        return text_of(self._trail.places, self._since_ms)
