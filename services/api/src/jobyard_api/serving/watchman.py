"""The watchman: looks at every connection of this process, and has the slow ones cut."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jobyard_api.serving.connection import connections_of

if TYPE_CHECKING:
    from uvicorn.server import ServerState

    from jobyard_api.serving.limits import Limits

ROUNDS_PER_TIMEOUT = 10
LONGEST_ROUND_SECONDS = 1.0


async def watch(state: ServerState, limits: Limits) -> None:
    """Makes its rounds for ever.

    One timer for all connections costs a request nothing, and a thousand connections a round of
    a millisecond.
    """
    loop = asyncio.get_running_loop()
    shortest = min(limits.receive_seconds, limits.send_seconds)
    pause = min(shortest / ROUNDS_PER_TIMEOUT, LONGEST_ROUND_SECONDS)
    while True:
        await asyncio.sleep(pause)
        now = loop.time()
        for connection in connections_of(state.connections):
            connection.tend(now)
