"""Waits for changes in the event streams of all queues, on a connection of its own (the API)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

from hiredis import pack_command
from redis import exceptions

from jobyard.connection import BLOCK_SECONDS
from jobyard.errors import StoreUnavailableError
from jobyard.store.front import translate
from jobyard.store.lines import is_elsewhere, reach_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from jobyard.store.calls import Call
    from jobyard.store.events import Entry, Place
    from jobyard.store.front import AsyncStore

T = TypeVar("T")

LIMIT = 100
"""Entries of one stream in one answer; a stream that has as many in it may have more."""

_SILENCE_MS = round(BLOCK_SECONDS * 1000)

_NEWS_SECONDS = 5.0
"""How often Sentinel is asked who the primary is: one that was cut off does not say so itself."""


class Follower:
    """One reader at a time. It connects only when told to: places are to be checked after that."""

    def __init__(self, store: AsyncStore) -> None:
        self._pool: Any = store.client.connection_pool  # redis-py types little of its connections
        self._keys = store.keys
        self._seconds = store.seconds
        self._line: Any = None
        self._news_at = 0.0

    async def connect(self) -> None:
        """Connects to the server that counts as the primary now, if it is not connected to it.

        Raises:
            StoreUnavailableError: It cannot be reached.
        """
        async with self._bounded(self._seconds):
            if self._line is None:
                self._line = await self._pool.get_connection()
            await reach_async(self._line, self._pool)

    async def run(self, call: Call[T]) -> T:
        """Runs a call over this connection, so that its answer is of the server that is followed.

        Raises:
            StoreUnavailableError: The store cannot serve now, or was not connected to.
        """
        arguments = call.arguments(self._keys.prefix)
        async with self._bounded(self._seconds):
            reply = await self._ask("EVAL", call.script.text, 0, *arguments)
        return call.decode(reply)

    async def wait(self, places: Mapping[str, Place]) -> dict[str, list[Entry]]:
        """What follows these places in the streams of their queues; empty after a silence.

        Raises:
            StoreUnavailableError: As above.
            StoreDataError: A key has a foreign type.
        """
        await self._hear_news()
        queues = {self._keys.events(queue).encode(): queue for queue in places}
        after = [place.entry for place in places.values()]
        async with self._bounded(self._seconds + BLOCK_SECONDS):
            reply = await self._ask(
                "XREAD", "COUNT", LIMIT, "BLOCK", _SILENCE_MS, "STREAMS", *queues, *after
            )
        rows = reply.items() if isinstance(reply, dict) else reply or ()
        return {queues[stream]: entries for stream, entries in rows}

    async def close(self) -> None:
        """Ends the connection and gives it back."""
        line, self._line = self._line, None
        if line is not None:
            await line.disconnect(nowait=True)
            await self._pool.release(line)

    async def _ask(self, *command: Any) -> Any:
        line = self._line
        if line is None or not line.is_connected or is_elsewhere(line, self._pool):
            raise StoreUnavailableError("The connection to the store was lost.")
        await line.send_packed_command([pack_command(command)], check_health=False)
        return await line.read_response()

    async def _hear_news(self) -> None:
        """Whoever cannot be asked has no news: the connection may be sound all the same."""
        now = asyncio.get_running_loop().time()
        if now < self._news_at or not hasattr(self._pool, "get_master_address"):
            return
        self._news_at = now + _NEWS_SECONDS
        with contextlib.suppress(exceptions.RedisError, TimeoutError):
            async with asyncio.timeout(self._seconds):
                await self._pool.get_master_address()

    @contextlib.asynccontextmanager
    async def _bounded(self, seconds: float) -> AsyncIterator[None]:
        """Hangs up after any error: an answer that comes late would be the next call's."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except exceptions.RedisError as error:
            await self._hang_up()
            raise translate(error) from error
        except TimeoutError:
            await self._hang_up()
            message = f"The store did not answer within {seconds:g} s"
            raise StoreUnavailableError(message) from None
        except BaseException:
            await self._hang_up()
            raise

    async def _hang_up(self) -> None:
        if self._line is not None:
            await self._line.disconnect(nowait=True)
