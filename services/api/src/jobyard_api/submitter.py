"""Coalesces concurrent submissions into one call of the store (group commit)."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from jobyard.errors import StoreDataError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from jobyard.store.records.submission import Submission, Submitted

LIMIT = 100
"""Submissions in one call; the store is never held for longer."""

LIMIT_BYTES = 4 * 1024 * 1024
"""Payloads in one call, unless one request alone has more."""


class _Group(NamedTuple):
    """Submissions of one request; they go in the same call. ``size`` is that of their payloads."""

    submissions: Sequence[Submission]
    size: int
    outcome: asyncio.Future[list[Submitted]]


class Submitter:
    """While one call is in flight the next batch gathers; an idle store is called at once."""

    def __init__(self, submit: Callable[[list[Submission]], Awaitable[list[Submitted]]]) -> None:
        self._submit = submit
        self._waiting: deque[_Group] = deque()
        self._flight: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # to ask for it is a system call

    async def submit(self, submissions: Sequence[Submission]) -> list[Submitted]:
        """Stores the submissions of one request, at most ``LIMIT``, and returns their outcomes.

        Raises:
            StoreUnavailableError: The store cannot serve now.
            StoreDataError: A key has a foreign type; nothing of this request was written.
        """
        if len(submissions) > LIMIT:
            raise ValueError(f"{len(submissions)} submissions in one group: at most {LIMIT}")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        size = sum([len(one.payload) for one in submissions])
        group = _Group(submissions, size, self._loop.create_future())
        self._waiting.append(group)
        if self._flight is None:
            self._flight = asyncio.create_task(self._fly())
        return await group.outcome

    async def _fly(self) -> None:
        try:
            while groups := self._board():
                await self._commit(groups)
        finally:
            self._flight = None

    def _board(self) -> list[_Group]:
        """The next requests in order, as many as fit in one call; the first one always does."""
        groups: list[_Group] = []
        seats, weight = LIMIT, LIMIT_BYTES
        while self._waiting and (not groups or _fits(self._waiting[0], seats, weight)):
            group = self._waiting.popleft()
            if not group.outcome.done():
                groups.append(group)
                seats, weight = seats - len(group.submissions), weight - group.size
        return groups

    async def _commit(self, groups: list[_Group]) -> None:
        try:
            outcomes = await self._submit([one for group in groups for one in group.submissions])
        except StoreDataError as error:
            await self._blame(groups, error)
        except StoreUnavailableError as error:
            # Those who wait behind this call would only wait as long again.
            _fail([*groups, *self._waiting], error)
            self._waiting.clear()
        except Exception as error:  # noqa: BLE001 - a boundary: the request gets the error
            _fail(groups, error)
        else:
            _land(groups, outcomes)

    async def _blame(self, groups: list[_Group], error: StoreDataError) -> None:
        """One queue's foreign key must not fail the requests for other queues."""
        if len(groups) == 1:
            _fail(groups, error)
            return
        for group in groups:
            await self._commit([group])


def _fits(group: _Group, seats: int, weight: int) -> bool:
    return len(group.submissions) <= seats and group.size <= weight


def _land(groups: list[_Group], outcomes: list[Submitted]) -> None:
    position = 0
    for group in groups:
        end = position + len(group.submissions)
        if not group.outcome.done():
            group.outcome.set_result(outcomes[position:end])
        position = end


def _fail(groups: list[_Group], error: Exception) -> None:
    for group in groups:
        if not group.outcome.done():
            group.outcome.set_exception(error)
