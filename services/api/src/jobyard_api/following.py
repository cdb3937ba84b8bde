"""The core of everything that waits for what happens to jobs. A part of ``Yard``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobyard_api.events.waiting import wait_for_end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jobyard.store.records.job import JobRecord
    from jobyard_api.events.cursor import Cursor
    from jobyard_api.events.feed import EventFilter, Feed
    from jobyard_api.events.job_stream import JobStream
    from jobyard_api.events.streams import Streams


class Following:
    """``owner`` as for ``Yard``."""

    def __init__(
        self, job: Callable[[str, str | None], Awaitable[JobRecord]], streams: Streams
    ) -> None:
        """``job`` reads one job, or raises what the route answers with."""
        self._job = job
        self._streams = streams

    async def ended(self, job_id: str, owner: str | None, seconds: float) -> JobRecord:
        """One job, when it has ended or after ``seconds``, whatever is first.

        Raises:
            RefusalError: The owner has none of that id.
        """

        async def read() -> JobRecord:
            return await self._job(job_id, owner)

        if seconds <= 0:
            return await read()
        return await wait_for_end(self._streams.hub, read, job_id, seconds)

    async def job_events(
        self, job_id: str, owner: str | None, cursor: Cursor | None, *, shows_payloads: bool
    ) -> JobStream | None:
        """What happens to one job from ``cursor`` on, or from now; None where it has ended by then.

        Raises:
            RefusalError: The owner has none of that id.
        """
        await self._job(job_id, owner)
        try:
            return await self._streams.of_job(job_id, owner, cursor, shows_payloads=shows_payloads)
        except LookupError:  # it went in this moment, which the next look says
            await self._job(job_id, owner)
            raise

    async def events(self, wanted: EventFilter, cursor: Cursor | None) -> Feed:
        """What happens to all jobs that ``wanted`` lets pass, from ``cursor`` on, or from now."""
        return await self._streams.of_all(wanted, cursor)
