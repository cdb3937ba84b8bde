"""The changes behind a place, each once and in order: first from the store, then from the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.store import event_calls
from jobyard.store.events import START, changes_of, place_of
from jobyard_api.events.merging import merge

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jobyard.store import AsyncStore
    from jobyard.store.events import Change, Entry, Place
    from jobyard_api.events.hub import Hub
    from jobyard_api.events.subscription import Subscription

MOST = 200_000
"""Changes that are read again for one listener; who is further behind is told of a gap."""

_PAGE = 200
"""Entries in one call, of all streams together."""


class GapError(Exception):
    """Changes behind the place are gone, or are too many to be read again."""


class Trail:
    """One listener's way. ``places`` is where it stands; the listener moves it by ``passed``."""

    def __init__(
        self,
        hub: Hub,
        store: AsyncStore,
        subscription: Subscription,
        queues: Collection[str] | None = None,
    ) -> None:
        """``queues``: only what happens in these; None for all."""
        self.places: dict[str, Place] = {}
        self._hub = hub
        self._store = store
        self._subscription = subscription
        self._queues = queues
        self._is_behind = False
        self._is_checked = False
        self._read_again = 0

    @property
    def is_over(self) -> bool:
        """Whether this process is about to end."""
        return self._subscription.is_over

    @property
    def is_behind(self) -> bool:
        """Whether what it says next comes from the store."""
        return self._is_behind

    def begin(self, places: Mapping[str, Place], *, is_behind: bool = False) -> None:
        """Stands at these places; changes behind them may be older than the subscription."""
        self.places = dict(places)
        self._fall_behind() if is_behind else self._keep_up()

    def passed(self, change: Change) -> None:
        """The listener has dealt with ``change``."""
        self.places[change.queue] = change.place

    async def next(self, seconds: float) -> list[Change]:
        """The next changes; none after ``seconds``, or when the process is about to end.

        Raises:
            GapError: Changes are lost to this listener; it has to ``begin`` elsewhere.
            StoreUnavailableError: The store cannot serve now; the next call goes on from here.
        """
        if not self._is_behind:
            await self._subscription.wait(seconds)
        if self._subscription.is_lost:
            self._fall_behind()
        if self._is_behind:
            async with self._hub.catching_up:
                return await self._catch_up()
        return [change for change in self._subscription.take() if self._is_ahead(change)]

    def _fall_behind(self) -> None:
        self._subscription.begin_anew()
        self._is_behind, self._is_checked, self._read_again = True, False, 0

    def _keep_up(self) -> None:
        self._is_behind = False

    def _is_ahead(self, change: Change) -> bool:
        if self._queues is not None and change.queue not in self._queues:
            return False
        return change.place > self.place(change.queue)

    def place(self, queue: str) -> Place:
        """Where it stands in the stream of one queue."""
        return self.places.get(queue) or self._hub.origin(queue)

    async def _catch_up(self) -> list[Change]:
        queues = self._hub.places.keys() | self.places if self._queues is None else self._queues
        after = {queue: self.place(queue) for queue in queues}
        if not self._is_checked:
            await self._check(after)
        limit = max(2, _PAGE // max(1, len(after)))
        found = await self._store.run(event_calls.replay(after, limit=limit))
        if any(_is_gone(after[queue], entries) for queue, entries in found.items()):
            raise GapError
        self._is_behind = any(len(entries) >= limit for entries in found.values())
        changes = [
            change
            for _, queue, entry in merge(found, limit)
            for change in changes_of(queue, entry)
            if change.place > after[queue]
        ]
        self._read_again += len(changes)
        if self._read_again > MOST:
            raise GapError
        return changes

    async def _check(self, after: Mapping[str, Place]) -> None:
        if (await self._store.run(event_calls.places(after))).unsound:
            raise GapError
        self._is_checked = True


def _is_gone(place: Place, entries: list[Entry]) -> bool:
    """Whether the entry of a place is not the first one any more."""
    if place[:2] == START[:2]:
        return False
    return not entries or place_of(entries[0][0])[:2] != place[:2]
