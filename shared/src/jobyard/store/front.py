"""The two doors to the store, synchronous and asynchronous. Both run a ``Call`` of ``calls.py``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from redis import exceptions

from jobyard.connection import BLOCK_SECONDS
from jobyard.errors import StoreDataError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis
    import redis.asyncio

    from jobyard.keys import Keys
    from jobyard.store.calls import Call

T = TypeVar("T")


class Store:
    """Runs calls over a synchronous client. Safe to use from several threads."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self.client = client
        self.keys = keys

    def run(self, call: Call[T]) -> T:
        """Runs one call.

        Raises:
            StoreUnavailableError: The store cannot serve now; the call may be repeated as it is.
            StoreDataError: A key has a foreign type; nothing was written.
        """
        arguments = call.arguments(self.keys.prefix)
        try:
            reply = self._evaluate(call, arguments)
        except exceptions.RedisError as error:
            raise translate(error) from error
        return call.decode(reply)

    def listen(self, queues: Sequence[str], seconds: float = BLOCK_SECONDS) -> bool:
        """Waits until a bell of ``queues`` rings; False after ``seconds`` of silence.

        Raises:
            StoreUnavailableError: The store cannot serve now.
        """
        bells = [self.keys.bell(queue) for queue in queues]
        try:
            return self.client.blpop(bells, timeout=min(seconds, BLOCK_SECONDS)) is not None
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

    def _evaluate(self, call: Call[T], arguments: list[Any]) -> Any:
        script = call.script
        try:
            return self.client.evalsha(script.sha, 0, *arguments)
        except exceptions.NoScriptError:
            return self.client.eval(script.text, 0, *arguments)


class AsyncStore:
    """Runs calls over an asynchronous client of one event loop."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self.client = client
        self.keys = keys

    async def run(self, call: Call[T]) -> T:
        """As ``Store.run``."""
        arguments = call.arguments(self.keys.prefix)
        try:
            reply = await self._evaluate(call, arguments)
        except exceptions.RedisError as error:
            raise translate(error) from error
        return call.decode(reply)

    async def ping(self) -> float:
        """As ``Store.ping``."""
        before = time.perf_counter()
        try:
            await self.client.ping()
        except exceptions.RedisError as error:
            raise translate(error) from error
        return time.perf_counter() - before

    async def close(self) -> None:
        """Closes the connections."""
        await self.client.aclose()

    async def _evaluate(self, call: Call[T], arguments: list[Any]) -> Any:
        script = call.script
        try:
            return await self.client.evalsha(script.sha, 0, *arguments)
        except exceptions.NoScriptError:
            return await self.client.eval(script.text, 0, *arguments)


_WAIT_CODES = frozenset({
    "READONLY", "OOM", "LOADING", "MISCONF", "MASTERDOWN", "NOREPLICAS", "NOAUTH", "WRONGPASS",
    "NOPERM", "BUSY", "TRYAGAIN", "CLUSTERDOWN",
})  # fmt: skip
"""Answers of a server that is there but cannot serve: wait, do not exit (windows W12, W13)."""


def translate(error: exceptions.RedisError) -> Exception:
    """Our error for one of the client's; an error that is a bug of ours stays as it is."""
    message = str(error)
    if isinstance(error, exceptions.AuthenticationError):
        return StoreUnavailableError(f"The store refuses: {message}")
    if isinstance(
        error, (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ReadOnlyError)
    ):
        return StoreUnavailableError(f"The store does not answer: {message}")
    if any(code in message for code in ("YARDTYPE", "WRONGTYPE")):
        return StoreDataError(message)
    if _code(error) in _WAIT_CODES:
        return StoreUnavailableError(f"The store refuses: {_code(error)} {message}")
    return error


def _code(error: exceptions.RedisError) -> str:
    """The first word of the server's answer; the client cuts it off the ones that it knows."""
    code: str | None = getattr(error, "status_code", None)
    return code or str(error).partition(" ")[0]
