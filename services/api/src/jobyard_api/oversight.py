"""Looks after queues and workers for the routes: what there is, pause, resume, purge, drain."""

from __future__ import annotations

import asyncio
import difflib
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobyard.lanes import lanes_of
from jobyard.store import calls, oversight
from jobyard.store.queue_sums import queues_of
from jobyard_api.problem_types import Code
from jobyard_api.problems import FieldError, RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobyard.store import AsyncStore
    from jobyard.store.calls import Call
    from jobyard.store.records.oversight import QueueInfo, WorkerInfo

MOST_PURGED = 10_000
"""Jobs that one request looks at; about a second. The answer says when there is more."""

MOST_JOBS = 100
"""Jobs that are shown of one worker."""

_WORKERS_A_CALL = 10
_NAME = re.compile(r"[\x21-\x7e]{1,256}\Z")

_SOURCES: dict[str, Literal["queue", "scheduled"]] = {"queued": "queue", "scheduled": "scheduled"}
"""Where jobs of a state stand. Retries stand among the scheduled ones."""


@dataclass(frozen=True, slots=True)
class Purge:
    """What a purge has canceled, and whether more is left to be purged."""

    canceled: int
    more: bool


class Oversight:
    """Everything comes from the store: any API process says and does the same."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store

    # ---------------------------------------------------------------- queues

    async def queues(self) -> list[QueueInfo]:
        """Every queue, by name, with its lanes added up."""
        lanes = await self._store.run(calls.queues())
        return queues_of(lanes)

    async def queue(self, name: str) -> QueueInfo:
        """One queue.

        Raises:
            RefusalError: Nobody has declared it.
        """
        found = {info.name: info for info in await self.queues()}
        if name not in found:
            raise _no_queue(name, found)
        return found[name]

    async def pause(self, name: str) -> QueueInfo:
        """Nothing is claimed from it from now on; what runs goes on. Returns it as it is then.

        Raises:
            RefusalError: Nobody has declared it.
        """
        return await self._moved(name, oversight.pause(name))

    async def resume(self, name: str) -> QueueInfo:
        """It is worked off again, at once; as ``pause``."""
        return await self._moved(name, oversight.resume(name))

    async def purge(self, name: str, confirm: str, states: Iterable[str]) -> Purge:
        """Cancels what waits in it now, up to ``MOST_PURGED`` jobs; what comes meanwhile is kept.

        Raises:
            RefusalError: Nobody has declared it, or ``confirm`` is not its name.
        """
        await self.queue(name)
        if confirm != name:
            raise _not_confirmed(name)
        room, canceled, more = MOST_PURGED, 0, False
        sources = sorted({_SOURCES[state] for state in states})
        for lane, source in itertools.product(lanes_of(name), sources):
            done, seen, more_here = await self._purge(lane, source, room)
            canceled, room, more = canceled + done, room - seen, more or more_here
        return Purge(canceled, more)

    async def _purge(
        self, lane: str, source: Literal["queue", "scheduled"], room: int
    ) -> tuple[int, int, bool]:
        """How many were canceled, how many were looked at, and whether there is more."""
        began_ms: int | None = None
        canceled = kept = seen = 0
        while seen < room:
            step = await self._store.run(
                oversight.purge(lane, source, began_ms=began_ms, skip=kept)
            )
            began_ms = step.began_ms
            canceled, kept, seen = canceled + step.canceled, kept + step.kept, seen + step.seen
            if step.seen < calls.BATCH or (source == "queue" and step.kept == step.seen):
                return canceled, seen, False
        return canceled, seen, True

    async def _moved(self, name: str, move: Call[bool]) -> QueueInfo:
        await self.queue(name)
        await self._store.run(move)
        return await self.queue(name)

    # ---------------------------------------------------------------- workers

    async def workers(self, owner: str | None) -> list[WorkerInfo]:
        """Every registered worker with the jobs in its hands, by name; only the owner's jobs."""
        found = {info.name: info for info in await self._store.run(calls.workers())}
        active = [info.name for info in found.values() if info.held or info.is_stock]
        parts = [active[at : at + _WORKERS_A_CALL] for at in range(0, len(active), _WORKERS_A_CALL)]
        shown = await asyncio.gather(*(self._with_jobs(part, owner) for part in parts))
        found.update({info.name: info for part in shown for info in part})
        return list(found.values())

    async def worker(self, name: str, owner: str | None) -> WorkerInfo:
        """One worker, as above.

        Raises:
            RefusalError: There is none of that name.
        """
        found = await self._with_jobs([name], owner) if _NAME.match(name) else []
        if not found:
            raise _no_worker(name)
        return found[0]

    async def drain(self, name: str, owner: str | None) -> WorkerInfo:
        """Asks a worker to stop: it claims no more, finishes what runs, and leaves.

        Raises:
            RefusalError: There is none of that name.
        """
        if not _NAME.match(name) or not await self._store.run(oversight.drain(name)):
            raise _no_worker(name)
        return await self.worker(name, owner)

    async def _with_jobs(self, names: Sequence[str], owner: str | None) -> list[WorkerInfo]:
        return await self._store.run(calls.workers(names, jobs=MOST_JOBS, tenant=owner or ""))


def _no_queue(name: str, known: Iterable[str]) -> RefusalError:
    near = difflib.get_close_matches(name, known, n=3)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return RefusalError(Code.QUEUE_NOT_FOUND, f"No queue named {name[:64]!r} is known.{hint}")


def _not_confirmed(name: str) -> RefusalError:
    detail = f"to purge the queue say its name: {name!r}"
    errors = [FieldError(pointer="/confirm", detail=detail)]
    return RefusalError(Code.INVALID_REQUEST, f"/confirm: {detail}", errors=errors)


def _no_worker(name: str) -> RefusalError:
    detail = f"No worker named {name[:128]!r} is registered: it left, or its lease ran out."
    return RefusalError(Code.WORKER_NOT_FOUND, detail)
