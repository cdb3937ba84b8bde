"""A call that waits at the store and is made there when a bell rings. Used by idle workers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hiredis import pack_command
from redis import exceptions

from jobyard.connection import BLOCK_SECONDS, socket_of
from jobyard.errors import StoreUnavailableError
from jobyard.store.front import translate
from jobyard.store.lines import reach

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from jobyard.store.calls import Call
    from jobyard.store.front import Store

T = TypeVar("T")

_LATE_SECONDS = 1.0
"""How much later than after its second of silence an answer may come."""


class StandingCall(Generic[T]):
    """Sends a wait for the bells and a call at once, over a connection of its own.

    The server blocks on the first and keeps the second until then, so no round trip lies between
    a ring and the call. After ``BLOCK_SECONDS`` of silence it makes the call as well. One at a
    time, from one thread. When the process dies, the server forgets what it has not made yet.
    """

    def __init__(self, store: Store, queues: Sequence[str]) -> None:
        self._pool = store.client.connection_pool
        self._prefix = store.keys.prefix
        bells = dict.fromkeys(store.keys.bell(queue) for queue in queues)
        wait: Any = ("BLPOP", *bells, BLOCK_SECONDS)
        self._wait: bytes = pack_command(wait)
        self._connection: Any = None  # redis-py types little of its connections
        self._decode: Callable[[Any], T] | None = None
        self._late_at = 0.0

    @property
    def socket(self) -> socket.socket | None:
        """Readable when the answer is there; None while there is no connection."""
        return socket_of(self._connection) if self._connection else None

    @property
    def is_late(self) -> bool:
        """Whether the answer should have come by now."""
        return time.monotonic() > self._late_at

    def send(self, call: Call[T]) -> None:
        """Sends ``call`` ahead.

        Raises:
            StoreUnavailableError: It may have been sent or not.
        """
        evaluate: Any = ("EVALSHA", call.script.sha, 0, *call.arguments(self._prefix))
        try:
            connection = self._connection = self._connection or self._pool.get_connection()
            reach(connection, self._pool)
            connection.send_packed_command([self._wait + pack_command(evaluate)])
        except exceptions.RedisError as error:
            raise translate(error) from error
        self._decode = call.decode
        self._late_at = time.monotonic() + BLOCK_SECONDS + _LATE_SECONDS

    def receive(self) -> T:
        """The answer to what was sent; waits for the rest of it.

        Raises:
            StoreUnavailableError: It does not come; the call may have been made or not.
            StoreDataError: A bell, or a key of the call, has a foreign type.
        """
        if self._connection is None or self._decode is None:
            raise StoreUnavailableError("Nothing was sent.")
        try:
            self._connection.read_response()
            reply = self._connection.read_response()
        except exceptions.NoScriptError as error:
            raise StoreUnavailableError("The store does not know the script yet.") from error
        except exceptions.RedisError as error:
            raise translate(error) from error
        return self._decode(reply)

    def close(self) -> None:
        """Ends the connection: what was sent is not made any more, or its answer is lost."""
        if self._connection is not None:
            self._connection.disconnect()
