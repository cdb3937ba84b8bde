"""Whose job is it, of which task, with which tags: asked of the store once and kept a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from jobyard.store import event_calls
from jobyard.store.calls import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobyard.store import AsyncStore
    from jobyard.store.events import About

MOST = 20_000
"""Jobs that are remembered: about 10 MB."""


class Directory:
    """What filters of events need, which the streams themselves do not say."""

    def __init__(self, store: AsyncStore, most: int = MOST) -> None:
        self._store = store
        self._most = most
        self._known: OrderedDict[str, About] = OrderedDict()
        self._asked: dict[str, asyncio.Task[None]] = {}

    async def about(self, ids: Iterable[str]) -> dict[str, About]:
        """What is known of these jobs; those that are not stored are left out.

        Raises:
            StoreUnavailableError: The store cannot serve now.
        """
        wanted = list(dict.fromkeys(ids))
        found: dict[str, About] = {}
        for at in range(0, len(wanted), BATCH):
            found |= await self._some(wanted[at : at + BATCH])
        return found

    async def _some(self, wanted: list[str]) -> dict[str, About]:
        new = [one for one in wanted if one not in self._known and one not in self._asked]
        if new:
            asking = asyncio.create_task(self._ask(new))
            self._asked.update(dict.fromkeys(new, asking))
        waits = {self._asked[job_id] for job_id in wanted if job_id in self._asked}
        for asking in waits:
            await asyncio.shield(asking)
        found = {job_id: self._known[job_id] for job_id in wanted if job_id in self._known}
        for job_id in found:
            self._known.move_to_end(job_id)
        return found

    async def _ask(self, ids: list[str]) -> None:
        try:
            answers = await self._store.run(event_calls.about(ids))
        finally:
            for job_id in ids:
                del self._asked[job_id]
        self._known.update(
            (job_id, about) for job_id, about in zip(ids, answers, strict=True) if about
        )
        while len(self._known) > self._most:
            self._known.popitem(last=False)
