"""The store as the API sees it: each call ends within a deadline, and only so many run at once."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import override

from jobyard.errors import StoreUnavailableError
from jobyard.store import AsyncStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jobyard.store.calls import Call

T = TypeVar("T")

MAX_CALLS = 64
"""Calls under way at once, each on a connection of its own; more would only wait in the server."""


class DeadlineStore(AsyncStore):
    """An ``AsyncStore`` whose calls raise ``StoreUnavailableError`` after ``seconds`` in all.

    The client's own timeout counts each try and each connection for itself; a client of the API
    waits for the sum of them. A call that is given up closes its connection.
    """

    def __init__(self, store: AsyncStore, seconds: float) -> None:
        super().__init__(store.client, store.keys)
        self._seconds = seconds
        self._free = asyncio.Semaphore(MAX_CALLS)

    @override
    async def run(self, call: Call[T]) -> T:
        """As ``AsyncStore.run``."""
        async with self._bounded():
            return await super().run(call)

    @override
    async def ping(self) -> float:
        """As ``AsyncStore.ping``."""
        async with self._bounded():
            return await super().ping()

    @contextlib.asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._seconds), self._free:
                yield
        except TimeoutError:
            message = f"The store did not answer within {self._seconds:g} s"
            raise StoreUnavailableError(message) from None
