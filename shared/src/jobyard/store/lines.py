"""The connections over which a store runs its scripts: taken from the client's pool and kept.

They follow a failover. redis-py asks Sentinel for the primary in ``connect`` only: a closed
connection that connects because something is sent goes to the server where it went before.

redis-py's own way through pool, retry and metrics takes 50 of the 140 µs of a small call, and three
times that where the process has been idle (measured with redis-py 8.1).
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any

from hiredis import pack_command
from redis import exceptions

from jobyard.connection import socket_of

if TYPE_CHECKING:
    import redis
    import redis.asyncio

    from jobyard.store.calls import Call


class Lines:
    """Those of a synchronous store. Safe to use from several threads."""

    def __init__(self, client: redis.Redis) -> None:
        self._pool = client.connection_pool
        self._free: deque[Any] = deque()  # redis-py types little of its connections

    def evaluate(self, call: Call[Any], arguments: list[Any]) -> Any:
        """Runs a script; one repeat where the connection has gone, as every call may come twice.

        Raises:
            redis.RedisError: What the server said, or that it does not answer.
        """
        line = self._take()
        try:
            try:
                return self._ask(line, call, arguments)
            except (exceptions.ConnectionError, exceptions.TimeoutError):
                line.disconnect()
                return self._ask(line, call, arguments)
        except exceptions.ResponseError as error:
            if is_of_no_primary(error):
                line.disconnect()
            raise
        except BaseException:
            line.disconnect()  # an answer that comes late would be the next call's
            raise
        finally:
            self._free.append(line)

    def _take(self) -> Any:
        """A free one, which connects when it is used; those of a process that forked are not."""
        while self._free:
            try:
                line = self._free.pop()
            except IndexError:  # another thread was quicker
                break
            if line.pid == os.getpid():
                return line
        return self._pool.get_connection()

    def _ask(self, line: Any, call: Call[Any], arguments: list[Any]) -> Any:
        reach(line, self._pool)
        script = call.script
        try:
            line.send_packed_command([_pack("EVALSHA", script.sha, arguments)])
            return line.read_response()
        except exceptions.NoScriptError:
            line.send_packed_command([_pack("EVAL", script.text, arguments)])
            return line.read_response()


class AsyncLines:
    """Those of an asynchronous store, on one event loop."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._pool = client.connection_pool
        self._free: list[Any] = []

    async def evaluate(self, call: Call[Any], arguments: list[Any]) -> Any:
        """As ``Lines.evaluate``. The caller sees to the time; a call that is cancelled hangs up."""
        line = self._free.pop() if self._free else await self._connect()
        try:
            try:
                return await self._ask(line, call, arguments)
            except (exceptions.ConnectionError, exceptions.TimeoutError):
                await line.disconnect(nowait=True)
                return await self._ask(line, call, arguments)
        except exceptions.ResponseError as error:
            if is_of_no_primary(error):
                await line.disconnect(nowait=True)
            raise
        except BaseException:
            await line.disconnect(nowait=True)  # as above
            raise
        finally:
            self._free.append(line)

    async def _connect(self) -> Any:
        pool: Any = self._pool
        return await pool.get_connection()

    async def _ask(self, line: Any, call: Call[Any], arguments: list[Any]) -> Any:
        await reach_async(line, self._pool)
        script = call.script
        try:
            await line.send_packed_command([_pack("EVALSHA", script.sha, arguments)])
            return await line.read_response()
        except exceptions.NoScriptError:
            await line.send_packed_command([_pack("EVAL", script.text, arguments)])
            return await line.read_response()


def reach(line: Any, pool: Any) -> None:
    """Connects ``line``, unless it is connected to the server that counts as the primary now.

    Raises:
        redis.ConnectionError: It cannot be reached, or Sentinel knows of none.
    """
    if is_elsewhere(line, pool):
        line.disconnect()
    if socket_of(line) is None:
        line.connect()


async def reach_async(line: Any, pool: Any) -> None:
    """As ``reach``, for a connection of an asynchronous client."""
    if is_elsewhere(line, pool):
        await line.disconnect(nowait=True)
    if not line.is_connected:
        await line.connect()


def is_of_no_primary(error: exceptions.ResponseError) -> bool:
    """Whether who said this may not be the primary (any more): another one is looked for."""
    return code_of(error) in {"READONLY", "MASTERDOWN", "NOREPLICAS"}


def code_of(error: exceptions.RedisError) -> str:
    """The first word of the server's answer; the client cuts it off the ones that it knows."""
    code: str | None = getattr(error, "status_code", None)
    return code or str(error).partition(" ")[0]


def is_elsewhere(line: Any, pool: Any) -> bool:
    """Whether Sentinel has named another primary since, to some other connection of the pool.

    A server that was demoted goes on answering what only reads.
    """
    primary = getattr(pool, "master_address", None)
    return primary is not None and primary != (line.host, line.port)


def _pack(command: str, script: str, arguments: list[Any]) -> bytes:
    packed: bytes = pack_command((command, script, 0, *arguments))
    return packed
