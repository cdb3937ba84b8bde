"""Who listens to what, and how changes get from the streams to each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard.store.events import changes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobyard.store.events import Change, Entry
    from jobyard_api.events.merging import Row
    from jobyard_api.events.subscription import Subscription


class Listeners:
    """Subscriptions to one job are found by its id: what nobody watches costs next to nothing."""

    def __init__(self) -> None:
        self._of_all: set[Subscription] = set()
        self._of_job: dict[bytes, set[Subscription]] = {}

    def __bool__(self) -> bool:
        return bool(self._of_all or self._of_job)

    def __len__(self) -> int:
        return len(self._of_all) + sum(map(len, self._of_job.values()))

    def add(self, subscription: Subscription) -> None:
        """One more."""
        if subscription.job_id is None:
            self._of_all.add(subscription)
        else:
            self._of_job.setdefault(subscription.job_id.encode(), set()).add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """One fewer; nothing where it is gone already."""
        if subscription.job_id is None:
            self._of_all.discard(subscription)
            return
        job_id = subscription.job_id.encode()
        group = self._of_job.get(job_id, set())
        group.discard(subscription)
        if not group:
            self._of_job.pop(job_id, None)

    def hand_out(self, rows: Sequence[Row]) -> None:
        """Gives each its share of these entries."""
        changes: list[Change] = []
        for _, queue, entry in rows:
            if self._of_all:
                changes += changes_of(queue, entry)
            if not self._of_job.keys().isdisjoint(entry[1][::2]):
                self._hand_to_watchers(queue, entry)
        for subscription in self._of_all:
            subscription.push(changes)

    def lose(self) -> None:
        """All of them are to go after what they miss."""
        for subscription in self._everybody():
            subscription.lose()

    def end(self) -> None:
        """Nothing more comes for anybody."""
        for subscription in self._everybody():
            subscription.end()

    def _hand_to_watchers(self, queue: str, entry: Entry) -> None:
        for change in changes_of(queue, entry):
            for subscription in self._of_job.get(change.id.encode(), ()):
                subscription.push((change,))

    def _everybody(self) -> list[Subscription]:
        return [*self._of_all, *(one for group in self._of_job.values() for one in group)]
