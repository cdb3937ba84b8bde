"""The two doors to the store, synchronous and asynchronous. Both run a ``Call`` of ``calls.py``."""

from __future__ import annotations

import asyncio
import contextlib
import textwrap
import time
from typing import TYPE_CHECKING, Any, TypeVar

from redis import exceptions

from jobyard.connection import BLOCK_SECONDS
from jobyard.errors import StoreDataError, StoreUnavailableError
from jobyard.store.lines import AsyncLines, Lines, code_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import redis
    import redis.asyncio

    from jobyard.keys import Keys
    from jobyard.store.calls import Call

T = TypeVar("T")

_SHOWN_CHARACTERS = 250

MAX_CALLS = 64
"""Asynchronous calls under way at once, each on a connection of its own; more would only wait in
the server."""


class Store:
    """Runs calls over a synchronous client. Safe to use from several threads."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self.client = client
        self.keys = keys
        self._lines = Lines(client)

    def run(self, call: Call[T]) -> T:
        """Runs one call.

        Raises:
            StoreUnavailableError: The store cannot serve now; the call may be repeated as it is.
            StoreDataError: A key has a foreign type; nothing was written.
        """
        arguments = call.arguments(self.keys.prefix)
        try:
            reply = self._lines.evaluate(call, arguments)
        except exceptions.RedisError as error:
            raise translate(error) from error
        return call.decode(reply)

    def listen(self, queues: Sequence[str], seconds: float = BLOCK_SECONDS) -> bool:
        """Waits until a bell of ``queues`` rings; False after ``seconds`` of silence.

        Raises:
            StoreUnavailableError: The store cannot serve now.
        """
        bells = dict.fromkeys(self.keys.bell(queue) for queue in queues)
        try:
            return self.client.blpop(list(bells), timeout=min(seconds, BLOCK_SECONDS)) is not None
        except exceptions.RedisError as error:
            raise translate(error) from error

    def peek(self, queue: str, seconds: float = BLOCK_SECONDS) -> bytes:
        """Waits until something waits in ``queue``; its id stays where it is. Empty after silence.

        Raises:
            StoreUnavailableError: The store cannot serve now.
        """
        name = self.keys.queue(queue)
        client: Any = self.client
        try:
            return client.blmove(name, name, min(seconds, BLOCK_SECONDS), "LEFT", "LEFT") or b""
        except exceptions.RedisError as error:
            raise translate(error) from error

    def ping(self) -> float:
        """Seconds that one round trip took.

        Raises:
            StoreUnavailableError: The store does not answer.
        """
        before = time.perf_counter()
        try:
            self.client.ping()
        except exceptions.RedisError as error:
            raise translate(error) from error
        return time.perf_counter() - before

    def close(self) -> None:
        """Closes the connections."""
        self.client.close()


class AsyncStore:
    """Runs calls over an asynchronous client of one event loop, each within a deadline."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, *, seconds: float) -> None:
        """``seconds``: for one call in all, with its wait for a connection and its repeat."""
        self.client = client
        self.keys = keys
        self.seconds = seconds
        self._free = asyncio.Semaphore(MAX_CALLS)
        self._lines = AsyncLines(client)

    async def run(self, call: Call[T]) -> T:
        """As ``Store.run``."""
        arguments = call.arguments(self.keys.prefix)
        async with self._bounded():
            reply = await self._lines.evaluate(call, arguments)
        return call.decode(reply)

    async def ping(self) -> float:
        """As ``Store.ping``."""
        before = time.perf_counter()
        async with self._bounded():
            await self.client.ping()
        return time.perf_counter() - before

    async def close(self) -> None:
        """Closes the connections, those to Sentinels as well."""
        await self.client.aclose()
        sentinels = getattr(self.client.connection_pool, "sentinel_manager", None)
        if sentinels is not None:
            await sentinels.aclose()

    @contextlib.asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """A call that is given up closes its connection."""
        try:
            async with asyncio.timeout(self.seconds), self._free:
                yield
        except exceptions.RedisError as error:
            raise translate(error) from error
        except TimeoutError:
            message = f"The store did not answer within {self.seconds:g} s"
            raise StoreUnavailableError(message) from None


_WAIT_CODES = frozenset({
    "READONLY", "OOM", "LOADING", "MISCONF", "MASTERDOWN", "NOREPLICAS", "NOAUTH", "WRONGPASS",
    "NOPERM", "DENIED", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "UNBLOCKED",
})  # fmt: skip
"""Answers of a server that is there but cannot serve: wait, do not exit (windows W12, W13)."""


def translate(error: exceptions.RedisError) -> Exception:
    """Our error for one of the client's; an error that is a bug of ours stays as it is."""
    message = str(error)
    if isinstance(error, exceptions.AuthenticationError):
        return StoreUnavailableError(f"The store refuses: {_shortened(code_of(error), message)}")
    if isinstance(
        error, (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ReadOnlyError)
    ):
        return StoreUnavailableError(f"The store does not answer: {message}")
    if any(code in message for code in ("YARDTYPE", "WRONGTYPE")):
        return StoreDataError(message)
    if code_of(error) in _WAIT_CODES:
        return StoreUnavailableError(f"The store refuses: {_shortened(code_of(error), message)}")
    return error


def _shortened(code: str, message: str) -> str:
    """One line that begins with the code; protected mode answers with a page."""
    words = message if message.startswith(code) else f"{code} {message}"
    return textwrap.shorten(words, _SHOWN_CHARACTERS, placeholder=" …")
